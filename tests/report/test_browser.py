"""The listening page in a real browser, from a file, without a network."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE, DESK = {"width": 360, "height": 800}, {"width": 1280, "height": 900}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)"),
]


@pytest.fixture
def open_page(site, model):
    """Return a function that opens the page; afterwards nothing may have gone wrong in it."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the playwright package")
    address = site(model).as_uri()
    trouble = []

    def watch(page):
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: trouble.append(request.url)
                if not request.url.startswith(("file:", "data:")) else None)  # fmt: skip

    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def start(viewport=DESK, **options):
            page = browser.new_context(viewport=viewport, **options).new_page()
            watch(page)
            page.goto(address)
            return page

        yield start
        browser.close()
    assert trouble == []


def test_a_piece_plays(open_page):
    page = open_page()
    page.wait_for_function("document.querySelector('audio').readyState >= 1")
    assert page.evaluate("document.querySelector('audio').duration") == pytest.approx(8.0, abs=0.2)
    page.locator("audio").first.click(position={"x": 20, "y": 20})  # the button, as a person would
    page.wait_for_function("document.querySelector('audio').currentTime > 0.3")
    assert page.locator(".piece.playing").count() == 1
    shown = "Number(document.querySelector('.roll').style.getPropertyValue('--at'))"
    page.wait_for_function(f"{shown} > 0.03")


def test_one_piece_at_a_time(open_page):
    page = open_page()
    for number in (0, 3):
        page.locator("audio").nth(number).evaluate("audio => audio.play()")
    page.wait_for_function("document.querySelectorAll('audio')[3].currentTime > 0.1")
    playing = "[...document.querySelectorAll('audio')].map(audio => !audio.paused)"
    assert page.evaluate(playing) == [False, False, False, True, False]


def test_every_picture_and_sound_loads(open_page):
    page = open_page()
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.evaluate("document.querySelectorAll('img').forEach(each => each.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
    page.wait_for_function(
        "[...document.querySelectorAll('audio')].every(audio => audio.readyState >= 1)"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_needs_no_sideways_scrolling(open_page, scheme):
    page = open_page(PHONE, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(open_page, scheme):
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for every text on its nearest plain background."""
    page = open_page(color_scheme=scheme)
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 50
    poor = {text: ratio for text, ratio in ratios if ratio < 4.5}
    assert not poor


def test_keyboard_reaches_music_first(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the music"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "AUDIO"
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('audio').currentTime > 0.1")


CONTRAST = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const style = getComputedStyle(node);
      if (style.backgroundImage !== "none") return null;
      const colour = numbers(style.backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
  };
  const found = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    const below = ground(node);
    if (!text || !below || ["SCRIPT", "STYLE"].includes(node.tagName)) continue;
    const pair = [light(numbers(getComputedStyle(node).color)), light(below)].sort((a, b) => b - a);
    found.push([text, (pair[0] + 0.05) / (pair[1] + 0.05)]);
  }
  return found;
}"""
