"""The page in a real browser: no errors, no requests, figures drawn, downloads that work, narrow and dark."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pytest

from chiasma.report.load import read_run
from chiasma.report.page import write_side_by_side
from chiasma.report.words import verdict
from report.fake_run import KINDS

pytestmark = pytest.mark.browser
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on the path: CI must have one")
        pytest.skip("no Chromium on the path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


def _open(browser, path: Path, *, width: int = 1280, scheme: str = "light"):
    page = browser.new_page(viewport={"width": width, "height": 860}, color_scheme=scheme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or problems.append(request.url))
    page.goto(path.as_uri())
    return page, problems


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_page_opens_cleanly(browser, runs, kind, width, scheme):
    page, problems = _open(browser, runs[kind] / "report.html", width=width, scheme=scheme)
    heading = page.locator("h1")
    assert heading.inner_text() == verdict(read_run(runs[kind]))
    box = heading.bounding_box()
    assert box["y"] + box["height"] < 860
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.locator(".canvas > svg, .canvas > img")
    assert drawn.count() >= 5
    for index in range(drawn.count()):
        size = drawn.nth(index).bounding_box()
        assert size["width"] > 100 and size["height"] > 50
    assert page.locator(".canvas path").count() > 50
    assert problems == []
    page.close()


def test_first_screen_holds_verdict_effect_and_limits(browser, runs):
    page, _ = _open(browser, runs["binary"] / "report.html")
    for selector in ("h1", ".effect .dot", ".claims li:last-child"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] < 860
    zero, dot = (page.locator(f".effect .{name}").bounding_box()["x"] for name in ("zero", "dot"))
    assert dot > zero
    page.close()


@pytest.mark.parametrize("suffix", ["csv", "svg"])
def test_downloads(browser, runs, tmp_path, suffix):
    page, problems = _open(browser, runs["binary"] / "report.html")
    with page.expect_download() as waiting:
        page.locator(f'#figure-roc a[download$=".{suffix}"]').click()
    target = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(target)
    assert target.name == f"roc.{suffix}"
    if suffix == "csv":
        rows = list(csv.DictReader(target.read_text().splitlines()))
        assert float(rows[-1]["true_positive_rate"]) == 1.0
    else:
        assert target.read_text().startswith("<svg")
    assert problems == []
    page.close()


def test_contents_lead_to_sections(browser, runs):
    from playwright.sync_api import expect

    page, _ = _open(browser, runs["views"] / "report.html")
    page.get_by_role("navigation").get_by_text("Provenance").click()
    expect(page.locator("#provenance h2")).to_be_in_viewport()
    page.close()


def test_side_by_side_opens_cleanly(browser, runs, tmp_path):
    path = write_side_by_side([runs["binary"], runs["multiclass"]], tmp_path / "page.html")
    page, problems = _open(browser, path, width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator("article").count() == 2 and problems == []
    page.close()
