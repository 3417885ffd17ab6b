"""Verbs that read: list, show, cite, report, data; each prints text, and JSON where asked."""

from __future__ import annotations

import pytest

from chiasma.core.cards import list_cards
from command_line import call, done


def test_list():
    rows = done("list", "--json").json
    assert {row["name"] for row in rows} == {card.name for card in list_cards()}
    assert all({"name", "wing", "parity"} <= set(row) for row in rows)
    text = done("list").out
    assert all(row["name"] in text for row in rows)


@pytest.mark.parametrize("method", ["cnn", "haplotype-cnn", "diablo"])
def test_show(method):
    record = done("show", method, "--json").json
    assert record["name"] == method and record["citation"].startswith("@article")
    card = next(card for card in list_cards() if card.name == method)
    assert record["parameters"] == (card.parameters or record["parameters"])
    assert method in done("show", method).out


def test_show_unknown():
    answer = call("show", "cn")
    assert answer.code == 2 and "did you mean 'cnn'?" in answer.err


def test_cite(cnn_run):
    record = done("cite", cnn_run, "--json").json
    assert "@article" in record["bibtex"] and "chiasma" in record["methods"]
    text = done("cite", cnn_run).out
    assert record["methods"] in text and record["bibtex"].strip() in text


def test_report_of_one_run_and_of_several(cnn_run, tmp_path):
    page = tmp_path / "page.html"
    assert done("report", cnn_run, "-o", page, "--json").json == {"report": str(page)}
    assert page.stat().st_size < 8_000_000
    assert call("report").code == 2
    assert call("report", tmp_path).code == 3


def test_data(monkeypatch, tmp_path):
    monkeypatch.setenv("CHIASMA_DATA", str(tmp_path))
    rows = done("data", "list", "--json").json
    assert {"name", "licence", "here", "what"} <= set(rows[0])
    assert rows[0]["name"] in done("data").out
    assert call("data", "get").code == 2
    answer = call("data", "path", "ctcf-peak")
    assert answer.code == 2 and "did you mean 'ctcf-peaks'?" in answer.err


@pytest.mark.realdata
def test_data_path_on_real_data(data_dir):
    record = done("data", "path", "ctcf-peaks", "--json").json
    assert record["path"].startswith(str(data_dir))


def test_reproduce_lists_its_experiments():
    names = done("reproduce", "--json").json
    assert names and all(isinstance(name, str) for name in names)
    assert call("reproduce", "nothing-like-it").code == 2
