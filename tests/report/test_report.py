"""The page of a run: four kinds, nothing foreign in it, absent and broken files."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from chiasma.cli.main import run as chiasma
from chiasma.core.errors import FormatError, InputError, UsageError
from chiasma.core.files import write_json
from chiasma.data.sequences import decode
from chiasma.report.dome import dome
from chiasma.report.examples import worst_errors
from chiasma.report.figures import draw_figures
from chiasma.report.inline import inline_svg
from chiasma.report.load import FILES, read_run
from chiasma.report.methods_text import bibliography, cited, methods_paragraph
from chiasma.report.multiqc import multiqc_content
from chiasma.report.page import MOST_BYTES, write_report, write_side_by_side
from chiasma.report.sections import data_section, performance_section, provenance_section, uncertainty_section
from chiasma.report.words import best_rival, duration, figure, sentence, small, verdict
from chiasma.simulate.peaks import simulate_peaks
from chiasma.workflow.fitting.fit import fit
from report.fake_run import CLASSES, KINDS, fake_run


class Page(HTMLParser):
    """Ids, links, tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if found.get("id") else []
        self.addresses += [found[key] for key in ("href", "src", "xlink:href", "action") if found.get(key)]


@pytest.mark.parametrize("kind", KINDS)
def test_page_is_self_contained(kind, runs):
    text = (runs[kind] / "report.html").read_text()
    page = Page(text)
    assert len(text.encode()) < MOST_BYTES
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert len(page.ids) == len(set(page.ids))
    targets = {address[1:] for address in page.addresses if address.startswith("#")}
    assert targets <= set(page.ids)
    assert not re.search(r"@import|url\(\s*['\"]?http", text)
    assert page.tags.count("script") == 1 and page.tags.count("h1") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_page_says_what_was_found(kind, runs):
    run = read_run(runs[kind])
    text = (runs[kind] / "report.html").read_text()
    assert verdict(run) in text and "What may not be claimed" in text
    for claim in run.compare["may_not_claim"]:
        assert claim in text
    assert run.audit["verdict"] in text
    for rival in run.metrics["baselines"]:
        assert rival in text
    assert "shorter than the model&#39;s 41 bases" in text
    assert run.provenance["inputs"]["positives"]["sha256"][:16] in text


def test_everything_foreign_is_escaped(runs):
    for kind, raw in (("binary", "<title> & more"), ("views", "mrna_0<i>")):
        text = (runs[kind] / "report.html").read_text()
        assert raw not in text and raw.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in text


def test_each_kind_shows_its_figures(runs):
    expected = {
        "binary": {
            "roc",
            "precision_recall",
            "confusion",
            "scores",
            "reliability",
            "set_sizes",
            "training",
            "example_1",
        },
        "multiclass": {"confusion", "scores", "reliability", "position_profile"},
        "regression": {"observed_predicted_log_rho", "training", "metrics", "slices"},
        "views": {"loadings_1", "loadings_2", "samples", "paired_differences", "size_curve"},
    }
    for kind, names in expected.items():
        ids = Page((runs[kind] / "report.html").read_text()).ids
        assert {f"figure-{name}" for name in names} <= set(ids)
        written = {path.stem for path in (runs[kind] / "figures").glob("*.svg")}
        assert names <= written
        assert written == {path.stem for path in (runs[kind] / "figures").glob("*.csv")}
    assert "solved directly" in (runs["views"] / "report.html").read_text()


@pytest.fixture(scope="module")
def real_run(tmp_path_factory) -> Path:
    """A transformer fitted in earnest, through every stage that writes what the page reads."""
    folder = tmp_path_factory.mktemp("real")
    peaks = simulate_peaks(200, seed=4)
    text = "".join(f">{name}\n{decode(peaks[index])}\n" for index, name in enumerate(peaks.ids))
    (folder / "peaks.fa").write_text(text)
    options = {"device": "cpu", "executor": "serial", "draws": 100, "explain_examples": 40, "explain_seconds": 5}
    inputs = {"positives": str(folder / "peaks.fa"), "negatives": "shuffled"}
    return fit("transformer", inputs, output=folder / "run", preset="tiny", options=options).path


def test_no_column_of_a_real_runs_figures_is_empty(real_run):
    figures = [figure for group in draw_figures(read_run(real_run)).values() for figure in group]
    names = {figure.name for figure in figures}
    assert {"metrics", "paired_differences", "roc", "confusion", "scores", "training", "size_curve"} <= names
    assert {"reliability", "set_sizes", "example_1", "position_profile", "attention"} <= names
    for drawn in figures:
        for name, column in drawn.table.items():
            assert any(cell not in (None, "") for cell in column), f"{drawn.name}: {name} is empty"


def test_no_table_of_a_real_runs_page_is_empty(real_run):
    run = read_run(real_run)
    performance, uncertainty, data = performance_section(run), uncertainty_section(run), data_section(run)
    for key in ("header", "rows", "ratios", "slices", "pairs", "cost"):
        assert performance[key], key
    assert all(pair["p"] != "–" and pair["interval"] for pair in performance["pairs"])
    assert all(cell["value"] != "–" for row in performance["rows"] for cell in row["cells"])
    assert all(row["seconds"] != "–" for row in performance["cost"])
    mine = performance["cost"][0]
    assert mine["name"] == "transformer" and "–" not in (mine["parameters"], mine["rate"])
    facts = dict(uncertainty["facts"])
    assert {"coverage promised", "coverage on the test part", "mean size of a set", "temperature"} <= facts.keys()
    assert facts["calibration error after"] == figure(run.metrics["test"]["ece"]["value"])
    assert uncertainty["per_class"] and data["sizes"] and data["proof"]["rows"]
    made = provenance_section(run)
    assert all(made[key] for key in ("command", "started", "finished", "machine", "versions", "inputs", "stages"))
    assert not run.absent
    assert not [answer for part in ("data", "optimization", "model", "evaluation")
                for answer in dome(run)[part].items() if answer[1] == "not recorded"]  # fmt: skip


def test_the_notebook_of_a_real_run_is_written_by_its_verb_and_runs(real_run, tmp_path):
    assert chiasma(["notebook", str(real_run), "-o", str(tmp_path / "run.ipynb")]) == 0
    cells = json.loads((tmp_path / "run.ipynb").read_text())["cells"]
    names: dict[str, object] = {"display": lambda shown: None}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert len(names["test"]) > 0


def test_report_is_reproducible(runs, tmp_path):
    copy = tmp_path / "binary"
    shutil.copytree(runs["binary"], copy)
    before = (copy / "report.html").read_text()
    assert write_report(copy).read_text() == before


def test_another_output_leaves_the_run_alone(tmp_path):
    run = fake_run(tmp_path / "run", "regression")
    before = sorted(path.name for path in run.rglob("*"))
    page = write_report(run, output=tmp_path / "pages" / "page.html")
    assert page.exists() and (page.parent / "dome.json").exists()
    assert sorted(path.name for path in run.rglob("*")) == before


@pytest.mark.parametrize("name", FILES)
def test_any_file_may_be_absent(name, tmp_path):
    run = fake_run(tmp_path / "run", "regression")
    (run / name).unlink()
    if name == "split.parquet":
        shutil.rmtree(run / "explain")
    text = write_report(run).read_text()
    assert f"Not in this run folder: {name}." in text


def test_a_run_with_next_to_nothing(tmp_path):
    (tmp_path / "config.toml").write_text('method = "cnn"\n')
    text = write_report(tmp_path).read_text()
    assert text.count("not recorded") >= 8
    assert "No result on a test part was recorded" in text
    assert set(dome(tmp_path)["evaluation"].values()) == {"not recorded"}


def test_folders_that_are_no_runs(tmp_path):
    with pytest.raises(InputError, match="no such run folder"):
        write_report(tmp_path / "none")
    with pytest.raises(InputError, match="not a run folder"):
        write_report(tmp_path)
    with pytest.raises(UsageError):
        write_side_by_side([], tmp_path / "page.html")


@pytest.mark.parametrize(
    "name", ["metrics.json", "config.toml", "predictions.parquet", "log.jsonl", "explain/attributions.npz"]
)
def test_a_broken_file_is_named_and_nothing_written(name, tmp_path):
    run = fake_run(tmp_path / "run", "binary")
    (run / name).write_text("{ broken")
    with pytest.raises((FormatError, InputError), match=Path(name).name):
        write_report(run)
    assert not (run / "report.html").exists() and not (run / "figures").exists()


def test_drawings_from_disk_cannot_run_scripts(tmp_path):
    run = fake_run(tmp_path / "run", "binary")
    (run / "figures").mkdir()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(1)</script></svg>'
    (run / "figures" / "foreign.svg").write_text(svg)
    text = write_report(run).read_text()
    assert 'id="figure-foreign"' in text and "alert(1)" not in text


def test_a_page_too_large_drops_copies_first(tmp_path):
    run = fake_run(tmp_path / "run", "binary")
    (run / "figures").mkdir()
    for index in range(9):
        body = "x" * 950_000
        (run / "figures" / f"big_{index}.svg").write_text(f'<svg viewBox="0 0 9 9"><desc>{body}</desc></svg>')
    page = write_report(run)
    assert page.stat().st_size < MOST_BYTES
    assert "figure-roc" in page.read_text() and "figure-big_0" not in page.read_text()


def test_nan_in_metrics_is_a_dash(tmp_path):
    run = fake_run(tmp_path / "run", "binary")
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["test"]["auroc"] = {"value": None, "low": None, "high": None, "unit": "peak"}
    metrics["slices"][0]["auroc"]["low"] = None
    write_json(run / "metrics.json", metrics)
    (run / "compare.json").unlink()
    assert "No result on a test part was recorded" in write_report(run).read_text()


def test_worst_errors_are_the_surest_wrong_answers(runs):
    columns = pq.read_table(runs["multiclass"] / "predictions.parquet").to_pydict()
    names = CLASSES["multiclass"]
    wrong = []
    for index, identifier in enumerate(columns["id"]):
        p = {name: columns[f"p_{name}"][index] for name in names}
        truth = names[columns["y"][index]]
        if columns["part"][index] == "test" and max(p, key=p.get) != truth:
            wrong.append((p[truth], identifier))
    found = worst_errors(read_run(runs["multiclass"]))
    assert found["wrong"] == len(wrong)
    assert [row[0] for row in found["rows"]] == [identifier for _, identifier in sorted(wrong)[:20]]


def test_worst_errors_of_regression_are_the_largest(runs):
    run = read_run(runs["regression"])
    test = run.predictions["part"] == "test"
    error = np.abs(run.predictions["y"] - run.predictions["yhat_log_rho"])[test]
    expected = run.predictions["id"][test][np.argsort(-error)[:20]].tolist()
    assert [row[0] for row in worst_errors(run)["rows"]] == expected


def test_methods_paragraph_says_only_what_is_known(runs):
    text = methods_paragraph(runs["binary"])
    for part in (
        "78,368 examples",
        "whole chromosomes",
        "every peak with its twin",
        "AUROC 0.982",
        "Alipanahi et al., 2015",
    ):
        assert part in text
    for part in ("0.978 to 0.986", "214,337 trainable parameters", "epoch 10", "chiasma 0.1.0", "torch 2.13.0+cpu"):
        assert part in text
    assert "None" not in text and "not recorded" not in text


def test_citation_and_bibliography(runs, tmp_path):
    assert cited({"authors": "Flagel, Lex and Brandvain, Yaniv", "year": 2019}) == "Flagel and Brandvain, 2019"
    assert cited({"authors": "One, A", "year": 2020}) == "One, 2020" and cited({}) == ""
    assert "@article{a2015" in bibliography(read_run(runs["binary"]))


def test_dome_answers_every_question(runs):
    for run in runs.values():
        found = json.loads((run / "dome.json").read_text())
        assert [len(found[part]) for part in ("data", "optimization", "model", "evaluation")] == [4, 8, 4, 5]
        assert all(isinstance(text, str) and text for part in ("data", "model") for text in found[part].values())
    embedded = (runs["binary"] / "report.html").read_text().split('id="dome-json">')[1].split("</script>")[0]
    assert json.loads(embedded) == json.loads((runs["binary"] / "dome.json").read_text())


def test_multiqc_content(runs):
    found = json.loads((runs["binary"] / "chiasma_mqc.json").read_text())
    assert found["plot_type"] == "table"
    assert found["data"]["binary (cnn)"]["auroc"] == 0.982 and found["data"]["binary (cnn)"]["best_rival"] == 0.94
    assert set(found["data"]["binary (cnn)"]) == set(found["headers"])
    assert multiqc_content(read_run(runs["views"]))["data"]


def test_side_by_side(runs, tmp_path):
    page = write_side_by_side([runs["binary"], runs["views"]], tmp_path / "page.html")
    text = page.read_text()
    assert "cnn" in text and "diablo" in text and "No paired comparison" in text
    assert all(address.startswith(("#", "data:")) for address in Page(text).addresses)
    pairs = json.loads((runs["binary"] / "compare.json").read_text())["pairs"]
    write_json(tmp_path / "compare.json", {"verdict": "Both are the same.", "table": [], "pairs": pairs})
    text = write_side_by_side([runs["binary"], runs["views"]], tmp_path / "page.html").read_text()
    assert "Both are the same." in text and "figure-paired_differences" in text


def test_side_by_side_warns_of_different_test_parts(runs, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(runs["binary"], other)
    provenance = json.loads((other / "provenance.json").read_text())
    provenance["split"]["proof"]["sha256"]["test"] = "ef" * 32
    write_json(other / "provenance.json", provenance)
    text = write_side_by_side([runs["binary"], other], tmp_path / "page.html").read_text()
    assert "tested on different examples" in text


def test_best_rival_without_a_comparison(tmp_path):
    run = fake_run(tmp_path / "run", "regression")
    (run / "compare.json").unlink()
    found = read_run(run)
    assert best_rival(found) == "classical estimator"
    assert "was not measured" in verdict(found)


def test_pairs_are_seen_from_the_method(tmp_path):
    run = fake_run(tmp_path / "run", "binary")
    pair = {"a": "GC", "b": "cnn", "metric": "auroc", "value": -0.4, "low": -0.5, "high": -0.3, "p": 0.01}
    write_json(run / "compare.json", {"pairs": [pair]})
    (turned,) = read_run(run).pairs
    assert (turned["a"], turned["value"], turned["low"], turned["high"]) == ("cnn", 0.4, 0.3, 0.5)


def test_repeated_epochs_of_a_resumed_run_count_once(tmp_path):
    run = fake_run(tmp_path / "run", "binary")
    with open(run / "log.jsonl", "a") as handle:
        handle.write('{"epoch": 3, "train_loss": 9.0, "valid_loss": 9.0}\n')
    log = read_run(run).log
    assert len(log) == 16 and log[2]["train_loss"] == 9.0


def test_inline_svg_keeps_ids_apart():
    body = '<title>t</title><path id="a" fill="#0072b2"/><use href="#a" clip-path="url(#a)"/>'
    svg = f'<svg role="img" viewBox="0 0 1 1">{body}</svg>'
    text = inline_svg(svg, prefix="p", label='a "b" <c>')
    assert 'id="p-a"' in text and 'href="#p-a"' in text and "url(#p-a)" in text and "var(--c0)" in text
    assert "<title>" not in text and 'aria-label="a &quot;b&quot; &lt;c&gt;"' in text and text.count("role=") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.98249, "0.982"), (-0.5, "−0.500"), (None, "–"), (float("nan"), "–"), (12345.6, "12,345.600"), (True, "–")],
)
def test_figures_in_text(value, text):
    assert figure(value) == text


def test_small_numbers_durations_and_sentences():
    assert small(3.1e-17) == "3.1 × 10⁻¹⁷" and small(0.004) == "0.004" and small(0) == "0"
    assert duration(4.25) == "4.2 s" and duration(125) == "2 min 05 s" and duration(7300) == "2 h 01 min"
    assert sentence({"a_b": [1, 2.5, None]}) == "a b: 1, 2.5, –" and sentence("ab" * 32) == "abababababababab…"
