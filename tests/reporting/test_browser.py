"""The page in headless Chromium: nothing goes wrong, nothing is asked for, and axe-core finds nothing serious."""

import shutil

import pytest

from tfcompress.reporting.page.document import page_of
from tfcompress.reporting.run_folder import RunPage, read_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium is installed (Debian: apt install chromium)", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
# Chromium would ask its maker for updates and the like; the folder of its settings is a temporary one of playwright's.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def opened(browser, run):
    """The page, with what it said on the console and asked for."""
    shown = browser.new_page(viewport={"width": 1280, "height": 900})
    shown.set_default_timeout(10_000)
    shown.said, shown.asked = [], []
    shown.on("console", lambda message: shown.said.append(message.text))
    shown.on("pageerror", lambda error: shown.said.append(str(error)))
    shown.on("request", lambda request: shown.asked.append(request.url))
    shown.goto((run / "report.html").as_uri())
    shown.wait_for_selector('[data-chart="latency"] svg')
    return shown


def test_it_is_drawn_without_a_word_and_without_a_request(opened, run):
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [(run / "report.html").as_uri()]


def test_a_picture_from_elsewhere_would_be_heard_of(browser, page, tmp_path):
    shown, said = browser.new_page(), []
    shown.on("console", lambda message: said.append(message.text))
    (tmp_path / "page.html").write_text(page.replace("</main>", '<img src="http://elsewhere.invalid/x.png"></main>'))
    shown.goto((tmp_path / "page.html").as_uri())
    shown.wait_for_selector('[data-chart="latency"] svg')
    shown.close()
    assert any("Content Security Policy" in text for text in said)


def test_every_chart_that_is_seen_is_drawn(opened):
    seen = opened.locator(".plot:visible")
    assert seen.count() >= 8
    assert all(seen.nth(place).locator("svg").count() for place in range(seen.count()))


def test_a_table_sorts_by_a_click(opened):
    heading = opened.locator("#files th", has_text="zipped bytes").locator("button")
    cells = opened.locator("#files tbody tr td:nth-child(5)")
    heading.click()
    down = [int(text.replace(",", "")) for text in cells.all_inner_texts()]
    heading.click()
    up = [int(text.replace(",", "")) for text in cells.all_inner_texts()]
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
    assert opened.locator("#files th[aria-sort=ascending]").count() == 1


def test_another_file_can_be_chosen(opened):
    chosen = opened.locator("#choose-layers select")
    chosen.select_option("original float32")
    assert opened.locator("#choose-layers .choice:visible").get_attribute("data-choice") == "original float32"


def test_light_and_dark_can_be_switched(opened):
    before = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.locator("#theme").click()
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") != before
    opened.locator("#theme").click()
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == before


def test_a_phone_needs_no_scrolling_sideways(browser, run):
    phone = browser.new_page(viewport={"width": 360, "height": 740})
    phone.goto((run / "report.html").as_uri())
    phone.wait_for_selector('[data-chart="latency"] svg')
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    phone.close()


# Of each chart that is seen: labels that stand outside of it, and labels of one axis that touch each other.
LABELS = """() => [...document.querySelectorAll(".plot")].filter((plot) => plot.clientWidth).flatMap((plot) => {
  const box = (each) => each.getBoundingClientRect(), room = box(plot), wrong = [];
  for (const label of plot.querySelectorAll("text")) {
    const { width, left, right } = box(label);
    if (width && (left < room.left - 1 || right > room.right + 1)) wrong.push(["outside", label.textContent]);
  }
  for (const axis of plot.querySelectorAll("[aria-label='x-axis tick label']")) {
    const boxes = [...axis.querySelectorAll("text")].map(box).sort((a, b) => a.left - b.left);
    if (boxes.some((each, i) => i && each.left < boxes[i - 1].right + 2)) wrong.push(["touch", axis.textContent]);
  }
  return wrong.map(([how, text]) => [plot.dataset.chart, how, text]);
})"""


@pytest.mark.parametrize("width", [360, 1280])
def test_labels_of_charts_are_whole_and_apart(browser, run, width):
    shown = browser.new_page(viewport={"width": width, "height": 740})
    shown.goto((run / "report.html").as_uri())
    shown.wait_for_selector('[data-chart="latency"] svg')
    assert shown.evaluate(LABELS) == []
    # What would be seen of labels that a chart has no room for.
    shown.evaluate(
        """() => document.querySelectorAll("[data-chart='waterfall'] [aria-label='x-axis tick label'] text").forEach(
             (each, place) => each.setAttribute("transform", `translate(${place * 9 - 9},20)`))"""
    )
    assert {how for _, how, _ in shown.evaluate(LABELS)} == {"outside", "touch"}
    shown.close()


@pytest.mark.parametrize("found", [(1.0, 0.995, 0.9972), (0.99, 0.99, 0.99), (0.5, 0.9, 0.7), (0.0, 0.0, 0.0)])
def test_levels_of_a_metric_can_be_told_apart(browser, run, said, tmp_path, found):
    first, *files = said["files"]
    assert len(files) == len(found) - 1
    files = [
        {
            **file,
            "findings": {name: {**each, "metrics": {"accuracy": value}} for name, each in file["findings"].items()},
        }
        for file, value in zip((first, *files), found, strict=True)
    ]
    (tmp_path / "page.html").write_text(page_of([RunPage(run, {**said, "files": files})]))
    shown = browser.new_page(viewport={"width": 500, "height": 740})
    shown.goto((tmp_path / "page.html").as_uri())
    shown.wait_for_selector('[data-chart="tradeoff-zipped_bytes"] svg')
    levels = shown.locator(
        '[data-chart="tradeoff-zipped_bytes"] [aria-label="y-axis tick label"] text'
    ).all_text_contents()
    shown.close()
    assert len(levels) > 2
    assert len(set(levels)) == len(levels)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, run, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    shown = browser.new_page(color_scheme=scheme, viewport={"width": 1000, "height": 900})
    shown.goto((run / "report.html").as_uri())
    shown.wait_for_selector('[data-chart="latency"] svg')
    found = axe.Axe().run(shown).response["violations"]
    shown.close()
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


def test_axe_would_find_a_picture_without_words(browser, page, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    (tmp_path / "page.html").write_text(page.replace(' alt="input of example', ' title2="input of example'))
    shown = browser.new_page()
    shown.goto((tmp_path / "page.html").as_uri())
    found = axe.Axe().run(shown, options={"runOnly": ["image-alt"]}).response["violations"]
    shown.close()
    assert [each["id"] for each in found] == ["image-alt"]


def test_several_runs_are_drawn(browser, run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    out = tmp_path / "compared.html"
    out.write_text(page_of([read_run(run), read_run(other)]))
    shown, said = browser.new_page(), []
    shown.on("console", lambda message: said.append(message.text))
    shown.goto(out.as_uri())
    shown.wait_for_selector('[data-chart="tradeoff-latency_ms"] svg')
    shown.close()
    assert said == []
