"""Sub-seeds are stable and independent."""

from soundmill.seeds import derive


def test_sub_seeds_are_the_same_everywhere():
    assert derive(1, "generate", "new-01") == 4761483779811761582


def test_each_use_has_its_own_numbers():
    uses = [(1, "a"), (2, "a"), (1, "b"), (1, "a", "b"), (1, "ab")]
    assert len({derive(*use) for use in uses}) == len(uses)
    assert all(0 <= derive(*use) < 2**63 for use in uses)
