import numpy as np
import pytest
from PIL import Image, ImageDraw

from soundmill.errors import InputError
from soundmill.fusion.user_image import see_user
from soundmill.fusion.user_sound import NothingThereError


def drawn(size=(280, 280), ink=0, paper=255, mode="L"):
    """A seven, as someone draws it."""
    image = Image.new(mode, size, paper)
    width, height = size
    points = [(0.3, 0.25), (0.65, 0.25), (0.45, 0.75)]
    line = [(x * width, y * height) for x, y in points]
    ImageDraw.Draw(image).line(line, fill=ink, width=round(0.06 * height))
    return image


def seen(folder, image, name="a.png", **how):
    image.save(folder / name, **how)
    return see_user(folder / name, 28, "digit").astype(float)


def alike(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_colour_polarity_and_size_of_the_original_do_not_matter(tmp_path):
    plain = seen(tmp_path, drawn())
    assert plain.shape == (28, 28) and plain.max() == 255 and plain[0].max() == 0
    others = {
        "white on black": drawn(ink=255, paper=0),
        "blue on yellow": drawn(ink=(20, 30, 160), paper=(250, 240, 120), mode="RGB"),
        "transparent": drawn(ink=(0, 0, 0, 255), paper=(0, 0, 0, 0), mode="RGBA"),
    }
    for image in others.values():
        assert alike(plain, seen(tmp_path, image)) > 0.98


def test_a_photo_of_twelve_million_pixels_is_seen_with_its_shade_and_grain(tmp_path):
    photo = np.asarray(drawn((4000, 3000), ink=60, paper=190), np.float32)
    shade = np.linspace(-25, 25, 4000, dtype=np.float32)[None]
    grain = np.random.default_rng(1).normal(0, 4, (750, 1000)).repeat(4, 0).repeat(4, 1)
    image = Image.fromarray(np.clip(photo + shade + grain, 0, 255).astype(np.uint8))
    small = seen(tmp_path, drawn((400, 300), ink=60, paper=190))
    assert alike(small, seen(tmp_path, image, "photo.jpg", quality=85)) > 0.9


@pytest.mark.parametrize("method", ["digit", "resize"])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_empty_image_is_nothing_not_an_error(tmp_path, method, grey):
    Image.new("L", (60, 40), grey).save(tmp_path / "empty.png")
    with pytest.raises(NothingThereError, match=r"nothing was seen in empty\.png"):
        see_user(tmp_path / "empty.png", 28, method)
    with pytest.raises(NothingThereError, match="nothing was seen in the image"):
        see_user(np.full((60, 40), grey, np.uint8), 28, method)


def test_pixels_are_taken_as_files_are(tmp_path):
    image = drawn(ink=(20, 30, 160), paper=(250, 240, 120), mode="RGB")
    given = see_user(np.asarray(image), 28, "digit")
    assert np.array_equal(given, seen(tmp_path, image))
    assert np.array_equal(see_user(given, 28, "digit"), given)  # prepared already


def test_what_is_no_image_is_an_error_that_names_it(tmp_path):
    (tmp_path / "words.png").write_text("no picture")
    for name, said in [("words.png", "no image"), ("nowhere.png", "cannot be read")]:
        with pytest.raises(InputError, match=rf"{name}.*{said}"):
            see_user(tmp_path / name, 28, "digit")
    for pixels in (np.zeros(9), np.zeros((0, 4)), np.full((9, 9), np.nan), np.zeros((9, 9, 7))):
        with pytest.raises(InputError, match=r"image"):
            see_user(pixels, 28, "digit")
