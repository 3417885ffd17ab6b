"""Genotypes with masks, ancestral alleles and maps through the verbs, and the gate beside their predictions."""

import json
import shutil
from html import unescape

import numpy as np
import pytest

from chiasma.core.errors import InputError, InsufficientDataError, MismatchError, UsageError
from chiasma.methods.population.shic.config import tiny as sweeps
from chiasma.report.page import write_report
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.loading.masks import mask_of_fit, mask_remarks
from chiasma.workflow.predicting.predict import predict
from command_line import call, done

msprime = pytest.importorskip("msprime")
LENGTH = 30 * 20_001


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run that learnt from masked simulations, and phased genotypes of a history within its prior and of another."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "mask.bed").write_text("".join(f"chr1\t{a}\t{min(a + 900, LENGTH)}\n" for a in range(0, LENGTH, 1000)))
    config = {"test_examples": 60, "training": {"epochs": 1}}
    options = {"rivals": False, "explain": False, "executor": "serial", "draws": 100}
    fit(
        "haplotype-cnn",
        {"mask": folder / "mask.bed"},
        output=folder / "run",
        preset="tiny",
        config=config,
        options=options,
    )
    odd = msprime.Demography.isolated_model([20_000])
    odd.add_population_parameters_change(time=500, initial_size=300)
    odd.add_population_parameters_change(time=1_200, initial_size=60_000)
    for name, demography in (("fits", msprime.Demography.isolated_model([20_000])), ("odd", odd)):
        ancestry = msprime.sim_ancestry(
            6, demography=demography, sequence_length=LENGTH, recombination_rate=1e-7, random_seed=1
        )
        trees = msprime.sim_mutations(ancestry, rate=1.5e-8, random_seed=1)
        trees.dump(folder / f"{name}.trees")
        with open(folder / f"{name}.vcf", "w") as handle:
            trees.write_vcf(handle, position_transform=lambda p: np.asarray(p, int) + 1)
    return folder


def run(world, name, **more):
    return predict(world / "run", {"input": world / name, **more}, output=world / "out.tsv")


def gate(world):
    return json.loads((world / "out.gate.json").read_text())


def test_the_gate_stands_beside_the_predictions(world, capsys):
    columns, _ = run(world, "odd.trees")
    found = gate(world)
    assert found["verdict"] == "does not fit" and found["area"]["low"] > 0.7 and found["windows"] == len(columns["id"])
    assert found["area_resized"]["low"] < 0.7 and found["method"] == "haplotype-cnn"
    assert "The simulations do not fit" in capsys.readouterr().err
    page = (world / "out.gate.html").read_text()
    assert "Does not fit." in page and page.count("<svg") >= 2 and "tajima_d" in page
    run(world, "fits.trees")
    assert gate(world)["area"]["value"] < found["area"]["value"]


def test_the_run_keeps_what_was_compared_and_its_report_says_it(world, monkeypatch):
    run_folder = world / "kept"
    shutil.copytree(world / "run", run_folder)
    shutil.rmtree(run_folder / "gates", ignore_errors=True)
    write_report(run_folder)
    page = (run_folder / "report.html").read_text()
    assert "No data were compared with the simulations of this run" in page and "Anything of real data" in page
    for _ in range(2):  # the same data again are the same comparison
        predict(run_folder, {"input": world / "odd.trees"})
    few = {"region": "1:1-150000"}
    predict(run_folder, {"input": world / "odd.trees", **few}, output=world / "few.tsv")
    monkeypatch.chdir(world)  # and so are the same files named from elsewhere
    predict(run_folder, {"input": "odd.trees", **few}, output=world / "few.tsv")
    records = [json.loads(path.read_text()) for path in sorted((run_folder / "gates").iterdir())]
    found = {record["data"].get("region", "all"): record for record in records}
    assert sorted(found) == ["1:1-150000", "all"]
    assert {**json.loads((world / "few.gate.json").read_text()), "data": found["1:1-150000"]["data"]} in records
    write_report(run_folder)
    page = unescape((run_folder / "report.html").read_text())
    assert "No data were compared" not in page and "Anything of real data" not in page
    assert "<h3>odd.trees: does not fit</h3>" in page and found["all"]["text"] in page
    assert "<h3>odd.trees, region 1:1-150000: too few windows to say</h3>" in page
    assert "That its test figures hold for odd.trees: the simulations do not fit." in page
    assert 'id="figure-told_apart_1"' in page and 'id="figure-told_apart_2"' not in page
    assert (run_folder / "figures" / "shifted_1.csv").is_file()


def test_few_windows_say_nothing(world):
    run(world, "odd.trees", region="1:1-150000")
    assert gate(world)["verdict"] == "too few windows to say"


def test_masked_simulations_are_sparser(world):
    notes = json.loads((world / "run" / "provenance.json").read_text())["dataset"]["notes"]
    assert "mask.bed: one of 30 stretches" in notes["mask"]


def test_another_mask_than_that_of_the_fit_is_told(world, capsys):
    run(world, "fits.vcf")
    assert "warning: the model learnt from regions with the holes of a mask (mask.bed)" in capsys.readouterr().err
    run(world, "fits.vcf", mask=world / "mask.bed")
    assert "holes" not in capsys.readouterr().err
    (world / "again.bed").write_text((world / "mask.bed").read_text())
    run(world, "fits.vcf", mask=world / "again.bed")
    assert "holes" not in capsys.readouterr().err
    (world / "all.bed").write_text(f"1\t0\t{LENGTH}\n")
    run(world, "fits.vcf", mask=world / "all.bed")
    assert "with the holes of another mask (mask.bed) than all.bed" in capsys.readouterr().err
    bare = load_fitted(world / "run")
    assert mask_of_fit(bare.config, {}) is None
    (line,) = mask_remarks(None, world / "mask.bed")
    assert "fit again with --mask" in line and not mask_remarks(None, None)
    design = sweeps().replace(sweeps=sweeps().sweeps.replace(mask=str(world / "mask.bed")))
    assert mask_of_fit(design, {}) == bare.meta["mask"]


def test_masks_leave_out_sites_and_windows_and_maps_tell_rates(world):
    (world / "half.bed").write_text(f"1\t0\t{LENGTH // 2}\n1\t{LENGTH - 30_000}\t{LENGTH}\n")
    (world / "map.txt").write_text(f"pos\tchr\tcM\n1\t1\t0\n{LENGTH // 2}\t1\t3.0\n{LENGTH}\t1\t3.0\n")
    whole, _ = run(world, "fits.vcf")
    columns, skips = run(world, "fits.vcf", mask=world / "half.bed", map=world / "map.txt")
    reasons = {skip.reason: skip.count for skip in skips}
    assert reasons["sites outside the accessibility mask"] > 100
    assert reasons["windows of which the mask leaves less than 50%"] == len(whole["id"]) - len(columns["id"]) > 10
    assert (columns["accessible"] >= 0.5).all() and columns["accessible"][0] == 1
    np.testing.assert_allclose(columns["map_rate"][:10], 0.03 / (LENGTH // 2 - 1), rtol=1e-3)
    (world / "short.txt").write_text(f"pos\tchr\tcM\n1\t1\t0\n{LENGTH // 2}\t1\t3.0\n")
    rates = run(world, "fits.vcf", map=world / "short.txt")[0]["map_rate"]
    assert np.isnan(rates).any() and not (rates == 0).any(), "beyond its last marker the map says nothing"


def test_the_command_line_says_the_same(world):
    (world / "first.bed").write_text(f"1\t0\t{LENGTH // 2}\n")
    answer = done("predict", world / "run", world / "fits.vcf", "--mask", world / "first.bed", "-o", world / "line.tsv")
    assert "sites outside the accessibility mask" in answer.err and "Too few windows" in answer.err
    assert "accessible" in (world / "line.tsv").read_text().splitlines()[0].split("\t")
    assert json.loads((world / "line.gate.json").read_text())["verdict"] == "too few windows to say"
    for flag, file, code, words in (
        ("--mask", "absent.bed", 2, "no such file"),
        ("--ancestral", "AA", 3, "no ancestral alleles"),
        ("--phased", None, 2, "HDF5"),
    ):
        more = [flag] if file is None else [flag, file]
        answer = call("predict", world / "run", world / "fits.vcf", *more)
        assert answer.code == code and words in answer.err


def test_builds_that_differ_are_refused(world):
    (world / "long.bed").write_text(f"1\t0\t{LENGTH + 9_999}\n")
    (world / "other.bed").write_text("7\t0\t100\n")
    (world / "none.bed").write_text("1\t1\t2\n")
    (world / "long.map").write_text(f"pos\tchr\tcM\n1\t1\t0\n{LENGTH + 9_999}\t1\t3\n")
    (world / "long.fa").write_text(">1\n" + "A" * (LENGTH + 9_999) + "\n")
    (world / "wrong.fa").write_text(">1\n" + "ACGT" * (LENGTH // 4) + "\n")
    for name, file, error, text in (
        ("mask", "long.bed", MismatchError, "mask reaches beyond"),
        ("mask", "other.bed", MismatchError, "no such contig"),
        ("mask", "none.bed", InsufficientDataError, "hides every site"),
        ("map", "long.map", MismatchError, "map reaches beyond"),
        ("ancestral", "long.fa", MismatchError, "longer than the contig"),
        ("ancestral", "wrong.fa", MismatchError, "neither of a site's two"),
        ("mask", "absent.bed", UsageError, "no such file"),
        ("ancestral", "AA", InputError, "no ancestral alleles"),
    ):
        with pytest.raises(error, match=text):
            run(world, "fits.vcf", **{name: world / file if "." in file else file})
    with pytest.raises(UsageError, match="tell the derived allele themselves"):
        run(world, "fits.trees", ancestral=world / "wrong.fa")


def test_genotypes_that_cannot_be_used_are_refused(world):
    text = (world / "fits.vcf").read_text()
    head, rows = text[: text.index("\n1\t") + 1], text[text.index("\n1\t") + 1 :]
    (world / "mixed.vcf").write_text(head + rows.replace("0|0\n", "0\n"))
    with pytest.raises(InputError, match="different ploidy"):
        run(world, "mixed.vcf")
    (world / "people.tsv").write_text("sample\tpopulation\ntsk_0\tA\ntsk_9\tA\n")
    with pytest.raises(InsufficientDataError, match="too few haplotypes"):
        run(world, "fits.vcf", samples=f"{world / 'people.tsv'}:population")
    (world / "strangers.tsv").write_text("sample\tpopulation\nx\tA\ny\tA\n")
    with pytest.raises(MismatchError, match="no sample of the table"):
        run(world, "fits.vcf", samples=world / "strangers.tsv")
    with pytest.raises(InsufficientDataError, match="no window can be used"):
        run(world, "fits.vcf", region="1:1-15000")
    with pytest.raises(UsageError, match="HDF5"):
        run(world, "fits.vcf", phased=True)
