"""The cluster of the tests itself."""


def test_jobs_run_on_both_nodes(cluster):
    shown = cluster.command("srun", "-N2", "-n2", "hostname")
    assert sorted(shown.split()) == ["node1", "node2"]


def test_a_request_for_a_gpu_is_placed_where_one_is(cluster):
    assert cluster.command("srun", "-p", "gpu", "--gpus=1", "hostname") == "node2"
