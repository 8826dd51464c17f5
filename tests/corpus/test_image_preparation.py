import io
import time

import numpy as np
import paths
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from soundmill.corpus import image_preparation
from soundmill.corpus.image_preparation import prepare_array, prepare_image, prepared
from soundmill.errors import InputError


def seven(side=280, pen=22, ink=0, paper=255, at=(0, 0), scale=1.0):
    """Return a drawn 7 (side, side)."""
    image = Image.new("L", (side, side), paper)
    points = [(80, 60), (200, 60), (120, 230)]
    unit = side / 280 * scale
    where = [(x * unit + at[0], y * unit + at[1]) for x, y in points]
    ImageDraw.Draw(image).line(where, ink, max(1, round(pen * unit)), joint="curve")
    return np.asarray(image)


def photo(width=4000, height=3000, digit=True):
    """Return a JPEG of a 7 on paper: a lamp from the left, a shadow, a warm tint, grain."""
    y, x = (axis.astype(np.float32) / height for axis in np.ogrid[0:height, 0:width])
    paper = 225 - 80 * x - 30 * y * x - 40 * np.exp(-((x - 1.0) ** 2 + (y - 0.7) ** 2) / 0.05)
    drawn = np.zeros((height, width), np.float32)
    if digit:
        drawn[700:2100, 1600:3000] = 1 - seven(1400, pen=14) / 255
    grain = 5 * np.random.default_rng(1).standard_normal((500, 500), np.float32)
    grey = paper * (1 - 0.7 * drawn) + np.tile(grain, (height // 500, width // 500))
    rgb = np.stack([grey, grey * 0.95, grey * 0.85], -1)
    return encoded(Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)), "JPEG")


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def alike(a, b, away=1):
    """Return the correlation of two images, moved by a pixel where centring rounded otherwise."""
    moves = [(y, x) for y in range(-away, away + 1) for x in range(-away, away + 1)]
    moved = [np.roll(a, move, (0, 1)).ravel() for move in moves]
    return max(float(np.corrcoef(image, b.ravel())[0, 1]) for image in moved)


@pytest.fixture(scope="module")
def digits():
    with np.load(paths.real_data("mnist.npz")) as arrays:
        return np.random.default_rng(1).permutation(arrays["x_test"])[:400]


def test_mnist_stays_as_it_is(digits):
    assert prepared(digits).mean() > 0.99
    assert all((prepare_array(digit) == digit).all() for digit in digits if prepared(digit[None]))
    file = encoded(Image.fromarray(digits[0]))
    np.testing.assert_array_equal(prepare_image(file)[0], prepare_array(digits[0]))
    as_floats = prepare_array(digits[0].astype(np.float32) / 255)
    np.testing.assert_array_equal(as_floats, prepare_array(digits[0]))


def test_the_long_way_leaves_mnist_almost_as_it_is(digits, monkeypatch):
    monkeypatch.setattr(image_preparation, "prepared", lambda images, size: np.zeros(1, bool))
    away = [np.abs(prepare_array(digit).astype(int) - digit).mean() for digit in digits]
    assert np.median(away) < 0.6
    assert np.mean(np.array(away) < 2) > 0.95  # the others lost a speck, or moved by one pixel


def test_enlarged_and_inverted_mnist_comes_back(digits):
    found = []
    for digit in digits[:30]:
        large = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
        found.append(alike(prepare_image(encoded(large))[0], digit))
    assert np.median(found) > 0.97
    assert min(found) > 0.8  # loose ends may be lost


def test_the_form_is_that_of_mnist():
    out = prepare_array(seven())
    rows, columns = np.flatnonzero(out.any(1)), np.flatnonzero(out.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    place = np.arange(28)
    assert out.sum(1) @ place / out.sum() == pytest.approx(14, abs=0.51)
    assert out.sum(0) @ place / out.sum() == pytest.approx(14, abs=0.51)
    assert out.max() == 255
    assert prepared(out[None])[0]


@settings(max_examples=25)
@given(
    side=st.integers(120, 400),
    x=st.integers(-10, 30),
    y=st.integers(-10, 20),
    ink=st.integers(0, 120),
    paper=st.integers(170, 255),
    swap=st.booleans(),
)
def test_place_size_and_brightness_do_not_matter(side, x, y, ink, paper, swap):
    ink, paper = (paper, ink) if swap else (ink, paper)
    out = prepare_array(seven(side, ink=ink, paper=paper, at=(x, y), scale=0.9))
    assert alike(out, prepare_array(seven())) > 0.93


def test_both_polarities_give_the_same():
    np.testing.assert_array_equal(prepare_array(seven()), prepare_array(255 - seven()))


def test_thin_pens_are_thickened():
    thin, thick = prepare_array(seven(800, pen=2)), prepare_array(seven(800, pen=22))
    assert thin.astype(float).sum() > 0.5 * thick.astype(float).sum()
    assert alike(thin, thick) > 0.6


def test_every_mode_of_pixels_gives_the_same():
    grey = Image.fromarray(seven())
    expected = prepare_array(seven())
    deep = Image.fromarray(seven().astype(np.uint16) * 257)
    clear = Image.new("LA", grey.size)
    clear.putalpha(Image.fromarray(255 - seven()))  # black ink on nothing
    white = Image.merge("RGBA", [Image.new("L", grey.size, 255)] * 3 + [clear.getchannel("A")])
    turned = grey.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned back, clockwise
    files = {
        "palette": encoded(grey.convert("RGB").convert("P")),
        "one bit": encoded(grey.convert("1", dither=Image.Dither.NONE)),
        "gif": encoded(grey, "GIF"),
        "bmp": encoded(grey, "BMP"),
        "webp": encoded(grey.convert("RGB"), "WEBP", lossless=True),
        "float tiff": encoded(Image.fromarray(seven() / np.float32(255)), "TIFF"),
        "16 bit": encoded(deep),
        "transparent": encoded(clear),
        "white on nothing": encoded(white),
        "jpeg": encoded(grey, "JPEG", quality=95),
        "cmyk": encoded(grey.convert("CMYK"), "TIFF"),
        "turned": encoded(turned, exif=exif),
    }
    for name, file in files.items():
        assert np.abs(prepare_image(file)[0].astype(int) - expected).mean() < 3, name


def test_colours_count_by_luminance():
    red_on_white = np.stack([np.full_like(seven(), 255), seven(), seven()], -1)
    assert alike(prepare_array(red_on_white), prepare_array(seven())) > 0.99
    assert alike(prepare_image(encoded(Image.fromarray(red_on_white)))[0],
                 prepare_array(seven())) > 0.99  # fmt: skip


def test_a_photo_of_paper_is_read_fast():
    file = photo()
    started = time.perf_counter()
    out, size, _ = prepare_image(file)
    assert time.perf_counter() - started < 2
    assert size == (4000, 3000)
    assert alike(out, prepare_array(seven(pen=14))) > 0.9
    assert alike(prepare_image(file, 56)[0], prepare_array(seven(pen=14), 56), away=2) > 0.9


def test_blank_paper_is_no_digit():
    grain = np.random.default_rng(1).normal(200, 6, (600, 800)).clip(0, 255).astype(np.uint8)
    for blank in (np.zeros((28, 28), np.uint8), np.full((90, 70), 255, np.uint8), grain):
        with pytest.raises(InputError, match="is uniform"):
            prepare_array(blank)
    with pytest.raises(InputError, match=r"^the file: is uniform"):
        prepare_image(photo(2000, 1500, digit=False))
    with pytest.raises(InputError, match="too narrow"):
        prepare_array(np.eye(2, 900, dtype=np.uint8) * 255)
    with pytest.raises(InputError, match="not numbers"):
        prepare_array(np.full((28, 28), np.nan))


def test_broken_files_say_so(tmp_path, monkeypatch):
    whole = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 255, (99, 99), np.uint8)))
    cases = {
        "empty.png": (b"", "0 bytes"),
        "text.png": (b"no image", "is no image"),
        "cut.png": (whole[: len(whole) // 2], "is broken"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=f"{name} .*{message}"):
            prepare_image(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        prepare_image(tmp_path / "missing.png")
    monkeypatch.setattr(image_preparation, "MAX_PIXELS", 5000)
    with pytest.raises(InputError, match="million pixels"):
        prepare_image(whole)


def test_resize_keeps_the_picture():
    wide = np.full((50, 100), 200, np.uint8)
    wide[:, :50] = 40
    out = prepare_array(wide, 20, "resize")
    assert out.shape == (20, 20)
    assert (out[6:14, 2] == 40).all()
    assert (out[6:14, 17] == 200).all()
