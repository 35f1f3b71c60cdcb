"""Pages in a real browser, Debian's Chromium without a display and without a net: every control is used."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from page_examples import HOSTILE, page
from small_runs import SMALL, digits_run, single_precision, table_file, table_run, trained_run  # noqa: F401
from variate.config.recipe import DataOptions
from variate.reports.html import save_html
from variate.reports.report_files import report
from variate.runs import Run
from variate.runs.training import plan, train

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = [pytest.mark.ci, pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium")]

DRAWN = "html[data-drawn=all]"
SCREENSHOTS = os.environ.get("VARIATE_SCREENSHOTS")
"""A folder to keep screenshots in, to look at them."""
SIZES = [(380, "light"), (380, "dark"), (800, "light"), (1600, "light"), (1600, "dark")]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        own = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield own
        own.close()


@pytest.fixture(scope="module")
def pages(digits_run, table_run, tmp_path_factory):  # noqa: F811
    """A page of each kind of run, and one whose every text looks like a script."""
    folder = tmp_path_factory.mktemp("pages")
    np.save(folder / "bits.npy", np.random.default_rng(0).integers(0, 2, (200, 12)).astype(bool))
    train(plan("digits", str(folder / "by-label"), data=DataOptions(condition=("label",)), **SMALL))
    of_bits = trained_run(folder / "bits.npy", folder / "bits")
    by_label = Run(folder / "by-label")
    for name, runs in {
        "images": [digits_run],
        "table": [table_run],
        "bits": [of_bits],
        "conditions": [by_label],
        "comparison": [digits_run, by_label],
    }.items():
        report(*runs, out=folder / f"{name}.html")
    save_html(page(HOSTILE), folder / "hostile.html")
    return folder


class Opened:
    """A page in a window of its own, which has no net, with what it complained about and what it asked for."""

    def __init__(self, browser, path, width=800, scheme="light", **options):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, **options
        )
        self.page, self.complaints, self.requests = self.context.new_page(), [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(Path(path).as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def drawn(self):
        """The page when all charts are drawn."""
        self.page.wait_for_selector(DRAWN, state="attached", timeout=20_000)
        return self.page

    def outside(self):
        """What was asked of other places than the file itself."""
        return [url for url in self.requests[1:] if not url.startswith("data:")]


@pytest.mark.parametrize("name", ["images", "table", "bits", "conditions", "comparison", "hostile"])
def test_a_page_draws_everything_complains_of_nothing_and_asks_for_nothing(browser, pages, name):
    with Opened(browser, pages / f"{name}.html") as opened:
        found = opened.drawn()
        charts = found.locator(".chart").count()
        assert found.locator(".chart .main-svg").count() >= charts > 0
        assert found.locator(".images img").evaluate_all(
            "all => all.every(one => one.complete && one.naturalWidth > 0)"
        )
        assert (opened.complaints, opened.outside()) == ([], [])


@pytest.mark.parametrize("name", ["images", "table"])
def test_a_page_fits_its_window_in_light_and_in_dark(browser, pages, name):
    is_wide = "one => one.getBoundingClientRect().right > innerWidth + 1"
    too_wide = f"all => all.filter({is_wide}).map(one => one.className)"
    with Opened(browser, pages / f"{name}.html", 380) as opened:
        found = opened.drawn()
        for width, scheme in SIZES:
            found.set_viewport_size({"width": width, "height": 900})
            found.emulate_media(color_scheme=scheme)
            found.wait_for_timeout(300)  # Plotly waits until the window keeps its size
            assert found.evaluate("document.documentElement.scrollWidth") <= width
            paper = found.evaluate("getComputedStyle(document.body).backgroundColor")
            assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 30)"}[scheme]
            assert found.locator("main > section > *, .chart, .chart .main-svg, .images").evaluate_all(too_wide) == []
            if SCREENSHOTS:
                found.screenshot(path=f"{SCREENSHOTS}/{name}-{width}-{scheme}.png", full_page=True)
        assert opened.complaints == []


def test_the_switch_turns_page_and_charts_dark_and_back(browser, pages):
    ink = "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    with Opened(browser, pages / "images.html") as opened:
        found = opened.drawn()
        before = found.evaluate(ink)
        for label, scheme in (("Dark", "dark"), ("Light", "light")):
            assert found.locator("#theme").text_content() == label
            found.locator("#theme").press("Enter")  # as without a mouse
            assert found.evaluate("document.documentElement.dataset.theme") == scheme
            assert (found.evaluate(ink) == before) is (scheme == "light")
        assert opened.complaints == []


def test_the_map_is_coloured_by_what_is_chosen(browser, pages):
    with Opened(browser, pages / "table.html") as opened:
        found = opened.drawn()
        chart, choice = found.locator("#map .chart"), found.locator("#map select")
        assert choice.locator("option").all_text_contents() == [
            "height",
            "member",
            "visits",
            "city",
            "part of the data",
        ]
        assert chart.locator(".colorbar").count() == 1
        choice.select_option(label="city")
        assert chart.locator(".legendtext").all_text_contents() == ["Bern", "Oslo", "Rome"]
        assert chart.locator(".scatterlayer .point").count() == 300
        chart.locator(".legendtoggle").first.click()
        found.wait_for_timeout(600)  # Plotly waits for a second click
        shown = chart.locator(".scatterlayer .point").count()
        assert 0 < shown < 300
        assert opened.complaints == []


def test_a_point_says_what_its_row_is(browser, pages):
    with Opened(browser, pages / "table.html") as opened:
        found = opened.drawn()
        found.locator("#map .scatterlayer .point").first.scroll_into_view_if_needed()
        found.locator("#map .scatterlayer .point").first.hover(force=True)
        said = found.locator("#map .hoverlayer").text_content()
        assert "height: " in said
        assert "city: " in said


def test_a_map_zooms_and_goes_back(browser, pages):
    extent = "document.querySelector('#map .chart').layout.xaxis.range.join()"
    with Opened(browser, pages / "images.html", 1600) as opened:
        found = opened.drawn()
        found.locator("#map .chart").scroll_into_view_if_needed()
        area, before = found.locator("#map .nsewdrag").bounding_box(), found.evaluate(extent)
        x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        found.mouse.move(x - 60, y - 60)
        found.mouse.down()
        found.mouse.move(x + 60, y + 60, steps=4)
        found.mouse.up()
        assert found.evaluate(extent) != before
        found.mouse.dblclick(x, y)
        assert found.evaluate(extent) == before


def test_tables_of_numbers_open(browser, pages):
    with Opened(browser, pages / "table.html", 380) as opened:
        found = opened.drawn()
        details = found.locator("#columns details").first
        details.locator("summary").click()
        assert details.locator("tbody tr").count() > 1


def test_a_page_without_scripts_has_its_numbers(browser, pages):
    with Opened(browser, pages / "table.html", java_script_enabled=False) as opened:
        assert opened.page.locator("noscript").is_visible()
        assert opened.page.locator("#theme").is_hidden()
        assert opened.page.locator("#columns details").count() == 4
        assert opened.complaints == []


def test_paper_is_light_and_has_all_charts(browser, pages, tmp_path):
    with Opened(browser, pages / "table.html", scheme="dark") as opened:
        opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        charts = opened.page.locator(".chart").count()
        assert opened.page.locator(".chart .main-svg").count() >= charts
        opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
        content = opened.page.pdf(path=tmp_path / "page.pdf")
        assert content.startswith(b"%PDF")
