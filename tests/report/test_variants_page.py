"""The page of scored variants: what it shows, and that its headings sort in a browser that lets nothing else run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiasma.plot.logo import letter_logo
from chiasma.report.variants import write_variant_page


def row(name: str, effect: float, **others: Any) -> dict[str, Any]:
    logos = [letter_logo(np.eye(4) * effect, name=f"{name[-1]}_{kind}", title=kind) for kind in ("REF", "ALT")]
    known = {"name": name, "chrom": "chr1", "pos": 1, "id": "<b>id</b>", "ref": "A", "alt": "C", "output": "dnase"}
    known |= {"effect": effect, "sd": float("nan"), "p_sign": 0.75, "ref_value": 2.0, "alt_value": 3.0}
    return known | {"conservation": None, "status": "SCORED", "logos": logos} | others


@pytest.fixture
def page(tmp_path: Path) -> Path:
    facts = {
        "scored": 3,
        "alleles": 5,
        "records": 4,
        "skipped": {"alleles that do not fit": {"count": 2, "examples": ["chr1:7:A>C"]}},
        "remarks": ["two & a half"],
        "models": [{"name": "a.py:b", "length": 2048, "bin": 32, "strands": 2, "stride": 64}],
        "statistic": "difference",
        "spread_over": "2 models",
        "anchor": "centre",
        "shifts": [0],
        "reference_windows": 3,
    }
    rows = [row("chr1:300:A>C", -3.0), row("chr1:20:A>C", 2.0), row("chr1:1000:A>C", 1.0)]
    path = tmp_path / "page.html"
    write_variant_page(path, facts, rows, version="1.0")
    return path


def test_it_says_what_was_skipped_and_escapes_what_it_is_given(page):
    text = page.read_text()
    assert "3 of 5 alleles have a score." in text and "alleles that do not fit" in text and "two &amp; a half" in text
    assert "<b>id" not in text and text.count("<svg") >= 6 and "conservation" not in text
    assert "2,048 bases, bins of 32, 2 strands" in text


@pytest.mark.browser
def test_headings_sort(page):
    found = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        assert not os.environ.get("CI"), "no Chromium on the path: CI must have one"
        pytest.skip("no Chromium on the path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        view = browser.new_page()
        problems: list[str] = []
        view.on("console", lambda message: problems.append(message.text))
        view.goto(page.as_uri())

        def column() -> list[str]:
            return view.locator("table.sortable tbody tr td:first-child").all_inner_texts()

        assert column() == ["chr1:300:A>C", "chr1:20:A>C", "chr1:1000:A>C"]
        view.get_by_role("button", name="effect", exact=True).click()
        assert column() == ["chr1:20:A>C", "chr1:1000:A>C", "chr1:300:A>C"]
        view.get_by_role("button", name="variant", exact=True).click()
        view.get_by_role("button", name="variant", exact=True).click()
        assert column() == ["chr1:20:A>C", "chr1:300:A>C", "chr1:1000:A>C"]
        assert problems == []
        browser.close()
