"""Scans for sweeps: runs of windows along real genotypes as along simulated ones, what is left out, what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.dataset import Dataset, Target
from chiasma.methods.population.partialshic.config import tiny as tiny_partial
from chiasma.methods.population.shic import examples
from chiasma.methods.population.shic.config import Config, tiny
from chiasma.stats.popgen.features import FeatureReader, summarise_region
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.loading.genotypes import GenotypeChoice, read_genotypes
from chiasma.workflow.loading.scan import load_scan
from chiasma.workflow.predicting.predict import predict

pytest.importorskip("msprime")
TARGET = Target("multiclass", np.zeros(0), examples.CLASSES)
STEP = 1_000


def config(statistics: str = "diploid", *, haplotypes: int = 16) -> Config:
    """Runs of eleven windows of 1,000 bases."""
    return tiny().replace(
        statistics=statistics, sweeps=tiny().sweeps.replace(haplotypes=haplotypes, length=11.0 * STEP)
    )


def write_vcf(
    path: Path, *, samples: int = 8, length: int = 15_000, phased: bool = True, ploidy: int = 2, empty: tuple = ()
) -> Path:
    """A VCF of contig 7 with a site every 20 bases, none in the stretches `empty`; INFO AA is the reference."""
    draw = np.random.default_rng(4)
    names = [f"s{i}" for i in range(samples)]
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=7,length={length}>"]
    lines += [
        '##INFO=<ID=AA,Number=1,Type=String,Description="a">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
    ]
    lines += ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names])]
    founders = draw.integers(0, 2, (5, length))
    owner = draw.integers(0, 5, samples * ploidy)
    for position in range(11, length, 20):
        if any(low <= position < high for low, high in empty):
            continue
        row = founders[owner, position] ^ (draw.random(samples * ploidy) < 0.05)
        mark = "|" if phased else "/"
        called = [mark.join(map(str, row[i * ploidy : (i + 1) * ploidy])) for i in range(samples)]
        lines.append("\t".join(["7", str(position), ".", "A", "C", ".", "PASS", "AA=A", "GT", *called]))
    path.write_text("\n".join(lines) + "\n")
    return path


def runs(path: Path, settings: Config, **choice: str) -> Dataset:
    return load_scan(path, settings, target=TARGET, choice=GenotypeChoice(**choice))[0]


@pytest.mark.parametrize("statistics", ["diploid", "haploid"])
def test_a_window_of_a_scan_is_a_region_by_itself(tmp_path: Path, statistics: str) -> None:
    path = write_vcf(tmp_path / "a.vcf")
    choice = {} if statistics == "diploid" else {"ancestral": "AA"}
    data, places = load_scan(path, config(statistics), target=TARGET, choice=GenotypeChoice(**choice))
    assert places.start.tolist() == [5_000, 6_000, 7_000, 8_000, 9_000] and data.ids[0] == "7:5000-6000"
    read = read_genotypes(path, GenotypeChoice(**choice)).read.haplotypes
    for number, example in enumerate(data.x):
        alone = summarise_region(read.region(number * STEP, (number + 11) * STEP), statistics)
        np.testing.assert_allclose(FeatureReader()(example), FeatureReader()(alone), atol=1e-12)
        assert data.columns["n_sites"][number] == alone["sites"].sum()


def test_unphased_genotypes_are_read_by_diploid_statistics_only(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", phased=False)
    phased = write_vcf(tmp_path / "b.vcf")
    one, two = (np.stack([e["grid"] for e in runs(each, config()).x]) for each in (path, phased))
    np.testing.assert_array_equal(one, two)
    with pytest.raises(InputError, match="not phased"):
        runs(path, config("haploid"), ancestral="AA")
    with pytest.raises(InputError, match="derived allele is not known"):
        runs(phased, config("haploid"))


def test_individuals_are_drawn_whole(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", samples=20)
    data = runs(path, config())
    assert "8 of 20 individuals" in data.notes["haplotypes"]
    kept = data.x.config.haplotypes
    whole = read_genotypes(path).read.haplotypes
    for row, name in enumerate(kept.samples):
        own = int(np.flatnonzero(whole.samples == name)[0])
        columns = np.isin(whole.positions, kept.positions)
        np.testing.assert_array_equal(
            kept.alleles[2 * row : 2 * row + 2], whole.alleles[2 * own : 2 * own + 2][:, columns]
        )
    with pytest.raises(InsufficientDataError, match="--haplotypes 40"):
        runs(path, config(haplotypes=44))


def test_what_cannot_be_classified_is_counted_or_refused(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", length=40_000, empty=((12_000, 26_000),))
    data = runs(path, config())
    few = [skip for skip in data.skips if "fewer than 22" in skip.reason]
    assert few and len(data) + few[0].count == 30 and few[0].examples[0].startswith("7:")
    mask = tmp_path / "mask.bed"
    mask.write_text("7\t0\t14200\n")
    masked = runs(write_vcf(tmp_path / "b.vcf"), config(), mask=str(mask))
    assert any("the mask leaves less than 25%" in str(skip) for skip in masked.skips) and len(masked) == 4
    assert (masked.columns["accessible"] == 1).all()
    mask.write_text("7\t13000\t25000\n")
    with pytest.raises(InsufficientDataError, match="hides every site"):
        runs(path, config(), mask=str(mask))
    with pytest.raises(InsufficientDataError, match="shorter than one run"):
        runs(path, config(), region="7:1-9000")
    with pytest.raises(InsufficientDataError, match="no run of windows"):
        runs(write_vcf(tmp_path / "c.vcf", empty=((0, 1_000), (1_200, 14_800))), config())
    with pytest.raises(InputError, match="ploidy 4"):
        runs(write_vcf(tmp_path / "d.vcf", ploidy=4), config(haplotypes=32))
    text = path.read_text().split("\n")
    text[20] = text[20].rpartition("\t")[0] + "\t1"
    path.write_text("\n".join(text))
    with pytest.raises(InputError, match="ploidy"):
        runs(path, config())


def test_of_a_part_of_a_contig_only_windows_within_are_laid(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "a.vcf", length=200_000, empty=((0, 90_500), (106_000, 200_000)))
    data = runs(path, config())
    assert data.columns["start"].tolist() == [96_000, 97_000, 98_000, 99_000]


def test_missing_alleles_leave_haplotype_scans_only(tmp_path: Path) -> None:
    from chiasma.methods.population.partialshic import examples as partial_examples

    path = write_vcf(tmp_path / "a.vcf")
    lines = path.read_text().split("\n")
    lines[10] = lines[10].rpartition("\t")[0] + "\t.|."
    path.write_text("\n".join(lines))
    settings = tiny_partial().replace(sweeps=config().sweeps)
    target = replace(TARGET, names=partial_examples.CLASSES)
    data, _ = load_scan(path, settings, target=target, choice=GenotypeChoice(ancestral="AA"))
    assert [skip.count for skip in data.skips if "missing genotypes" in skip.reason] == [1]
    assert {"grid", "scores", "frequency", "bounds"} <= set(data.x[0])
    data = runs(path, config())
    assert not data.skips and data.notes["missing genotypes"].startswith("less than 0.1% of the genotypes are missing")


@pytest.mark.parametrize("statistics", ["diploid", "haploid"])
def test_sites_with_few_genotypes_are_left_out_of_scans(tmp_path: Path, statistics: str) -> None:
    path = write_vcf(tmp_path / "a.vcf")
    choice = {} if statistics == "diploid" else {"ancestral": "AA"}
    whole = runs(path, config(statistics), **choice)
    assert "missing genotypes" not in whole.notes
    lines = path.read_text().split("\n")
    spoilt = list(lines)
    for number, holes in ((9, 2), (10, 3), (11, 8)):  # of 8 individuals, 6 are three quarters
        fields = lines[number].split("\t")
        spoilt[number] = "\t".join([*fields[: len(fields) - holes], *[".|1"] * holes])
    path.write_text("\n".join(spoilt))
    data = runs(path, config(statistics), **choice)
    (skip,) = data.skips
    assert skip.count == 2 and "less than 75% of the individuals" in skip.reason
    assert skip.examples == tuple(f"7:{lines[number].split(chr(9))[1]}" for number in (10, 11))
    assert data.notes["missing genotypes"].startswith("less than 0.1%")
    path.write_text("\n".join([*lines[:9], spoilt[9], *lines[12:]]))
    for one, other in zip(data.x, runs(path, config(statistics), **choice).x, strict=True):
        assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {"statistics": "diploid", "sweeps": {"length": 11.0 * STEP, "mutation_rate": 4e-6}}
    options = {"draws": 100, "executor": "serial", "seed": 2, "rivals": False, "explain": False}
    output = tmp_path_factory.mktemp("scan") / "r"
    return fit("shic", output=output, config=settings, preset="tiny", options=options).path


@pytest.mark.parametrize("suffix", ["bed", "tsv", "parquet"])
def test_a_scan_is_written_with_its_page(run: Path, tmp_path: Path, suffix: str) -> None:
    path = write_vcf(tmp_path / "a.vcf", length=40_000)
    output = tmp_path / f"calls.{suffix}"
    columns, _ = predict(run, {"input": path}, output=output)
    assert len(columns["call"]) == 30 and set(columns["call"]) <= set(examples.CLASSES)
    if suffix == "bed":
        rows = [line.split("\t") for line in output.read_text().strip().split("\n")[1:]]
        assert [row[3] for row in rows] == list(columns["call"]) and [row[1] for row in rows][:2] == ["5000", "6000"]
    else:
        table = pd.read_parquet(output) if suffix == "parquet" else pd.read_csv(output, sep="\t")
        np.testing.assert_allclose(table["p_neutral"], columns["p_neutral"], atol=1e-5)
        assert list(table["call"]) == list(columns["call"])
    page = (tmp_path / "calls.scan.html").read_text()
    assert "of 30 windows are called other than neutral" in page and "<svg" in page and "8 haplotypes" not in page
    assert json.loads((tmp_path / "calls.gate.json").read_text())["verdict"]


def test_missing_genotypes_are_told_of(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_vcf(tmp_path / "a.vcf")
    head, _, rows = path.read_text().partition("GT\t0|")
    path.write_text(f"{head}GT\t.|{rows}")
    predict(run, {"input": path})
    assert "less than 0.1% of the genotypes are missing, and simulations have none" in capsys.readouterr().err


@pytest.mark.realdata
def test_the_lactase_region_is_scanned_without_phase_or_ancestral_alleles(run: Path, data_dir: Path) -> None:
    folder = data_dir / "population" / "lct_1kg"
    inputs = {
        "input": folder / "lct_1kg_phase3.vcf.gz",
        "samples": f"{folder / 'samples.tsv'}:population=YRI",
    }
    columns, skips = predict(run, inputs)
    assert "2:136608000-136609000" in columns["id"]  # rs4988235 is at 136,608,646
    assert len(columns["id"]) + sum(skip.count for skip in skips if "runs of windows" in skip.reason) > 280
