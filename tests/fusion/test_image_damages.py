import numpy as np
import pytest
import torch
from fusion.toy_images import OPTIONS, shapes
from hypothesis import given
from hypothesis import strategies as st
from paths import real_data
from sklearn.decomposition import PCA

from soundmill.errors import InputError
from soundmill.fusion.image_damages import Damages, leading
from soundmill.fusion.image_options import ImageDamage

IMAGES, _ = shapes(120)
IDS = [f"i{n}" for n in range(len(IMAGES))]
DAMAGES = Damages.fit(IMAGES, OPTIONS.damages, 1)


def test_energy_is_what_sklearn_rebuilds_from_so_many_components():
    rows = IMAGES.reshape(len(IMAGES), -1) / 255
    pca = PCA().fit(rows)
    count = int(np.searchsorted(pca.explained_variance_ratio_.cumsum(), 0.5)) + 1
    few = PCA(count).fit(rows)
    wanted = few.inverse_transform(few.transform(rows)).clip(0, 1) * 255
    found = DAMAGES.apply("half", IMAGES, 1, IDS).reshape(len(IMAGES), -1)
    assert np.abs(found - wanted).max() <= 0.51
    assert np.abs(found - wanted).mean() > 0.1  # they are whole numbers, not a copy


def test_a_quarter_of_the_energy_of_mnist_is_four_components():
    images = np.load(real_data("mnist.npz"))["x_train"][::10]
    shares = Damages.fit(images, {}, 1).shares.numpy()
    assert leading(shares, 0.25) == 4


@given(st.floats(0.01, 1), st.integers(1, 30), st.integers(0, 99))
def test_no_fewer_components_hold_the_energy(energy, count, seed):
    shares = np.sort(np.random.default_rng(seed).dirichlet(np.ones(count)))[::-1]
    found = leading(shares, energy)
    assert shares[:found].sum() >= energy - 1e-5
    assert found == 1 or shares[: found - 1].sum() < energy


def test_noise_belongs_to_an_image_not_to_its_place():
    order = np.random.default_rng(1).permutation(len(IMAGES))
    there = DAMAGES.apply("noise", IMAGES, 7, IDS)
    here = DAMAGES.apply("noise", IMAGES[order], 7, [IDS[i] for i in order])
    assert (here == there[order]).all()
    assert (DAMAGES.apply("noise", IMAGES, 8, IDS) != there).mean() > 0.9
    assert (DAMAGES.apply("noise", np.zeros_like(IMAGES), 7, IDS) == there).all()  # nothing is left
    assert abs(there.mean() - 127.5) < 2
    assert there.min() == 0 and there.max() == 255


def test_some_noise_leaves_so_much_of_the_image():
    damages = Damages.fit(IMAGES, {"some": ImageDamage(noise=0.3)}, 1)
    found = damages.apply("some", IMAGES, 1, IDS)
    slope = np.polyfit(IMAGES.ravel(), found.ravel(), 1)[0]
    assert slope == pytest.approx(0.7, abs=0.02)


def test_random_damage_hits_its_share_and_says_where_nothing_is_left():
    images = torch.from_numpy(shapes(3000)[0]).float() / 255
    damaged, hit, hopeless = DAMAGES.random_damage(images, 0.4, torch.Generator().manual_seed(1))
    changed = (damaged != images).flatten(1).any(1)
    assert (changed == hit).all()
    assert 0.36 < changed.double().mean() < 0.44
    assert 0.03 < hopeless.double().mean() < 0.08
    pure = damaged[hopeless].flatten(1)
    own = images[hopeless].flatten(1)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(pure.numpy(), own.numpy(), strict=True)]
    assert abs(np.mean(alike)) < 0.05
    assert damaged.min() >= 0 and damaged.max() <= 1


def test_images_without_difference_are_refused():
    with pytest.raises(InputError, match="all training images are the same"):
        Damages.fit(np.full((5, 4, 4), 9, np.uint8), {}, 1)
    with pytest.raises(InputError, match="no training image"):
        Damages.fit(np.zeros((0, 4, 4), np.uint8), {}, 1)
