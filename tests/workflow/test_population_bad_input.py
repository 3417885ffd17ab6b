"""Each bad input of population genetics at each of the three doors for genotypes: windows, scans, observed regions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiasma.core.errors import InputError, InsufficientDataError, MismatchError
from chiasma.data.dataset import Dataset, Target
from chiasma.methods.population.pg_gan import config as pg_gan
from chiasma.methods.population.selection_detector import config as detector, examples as detected
from chiasma.methods.population.shic import config as shic, examples as swept
from chiasma.workflow.loading.genotypes import GenotypeChoice
from chiasma.workflow.loading.haplotypes import load_haplotypes
from chiasma.workflow.loading.observed import load_observed
from chiasma.workflow.loading.scan import load_scan

pytest.importorskip("msprime")
LENGTH, PEOPLE = 120_000, 8
HEAD = """##fileformat=VCFv4.2
##contig=<ID=1,length=120000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="G">
"""


def rows() -> list[list[str]]:
    """A site every 60 bases or so, eight phased people."""
    draw = np.random.default_rng(3)
    places = np.sort(draw.choice(LENGTH, 2_000, replace=False)) + 1
    calls = draw.integers(0, 2, (len(places), PEOPLE, 2))
    fixed = (".", "A", "C", ".", "PASS", ".", "GT")
    return [["1", str(p), *fixed, *(f"{a}|{b}" for a, b in row)] for p, row in zip(places, calls, strict=True)]


def write(path: Path, body: list[list[str]]) -> Path:
    columns = [
        "#CHROM",
        "POS",
        "ID",
        "REF",
        "ALT",
        "QUAL",
        "FILTER",
        "INFO",
        "FORMAT",
        *(f"p{i}" for i in range(PEOPLE)),
    ]
    path.write_text(HEAD + "\n".join("\t".join(row) for row in [columns, *body]) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    body = rows()
    write(folder / "good.vcf", body)
    write(folder / "few.vcf", body[::200])
    write(folder / "mixed.vcf", [[*row[:-1], "1"] for row in body])
    (folder / "people").write_text("sample\tpopulation\n" + "".join(f"p{i}\tA\n" for i in range(PEOPLE)))
    (folder / "some").write_text("sample\tpopulation\n" + "".join(f"p{i}\tA\n" for i in range(PEOPLE - 1)))
    (folder / "strangers").write_text("sample\tpopulation\nx\tA\ny\tA\n")
    (folder / "nothing.bed").write_text("1\t0\t1\n")
    (folder / "longer.bed").write_text("1\t0\t248956422\n")
    (folder / "other.bed").write_text("scaffold_7\t0\t120000\n")
    (folder / "longer.map").write_text("pos\tchr\tcM\n1\t1\t0\n248956422\t1\t286\n")
    return folder


def windows(path: Path, **given: Any) -> Dataset:
    config = detector.tiny().replace(haplotypes=12, length=20_000.0)
    target = Target("binary", np.zeros(0), detected.target_names(config))
    return load_haplotypes(path, config, target=target, choice=GenotypeChoice(**given))[0]


def scan(path: Path, **given: Any) -> Dataset:
    sweeps = shic.tiny().sweeps.replace(haplotypes=12, length=55_000.0)
    config = shic.tiny().replace(statistics="diploid", sweeps=sweeps)
    target = Target("multiclass", np.zeros(0), swept.CLASSES)
    return load_scan(path, config, target=target, choice=GenotypeChoice(**given))[0]


def observed(path: Path, **given: Any) -> Dataset:
    config = pg_gan.tiny().replace(haplotypes=(12,), length=8_000.0, test_examples=4)
    return load_observed(config, {"genotypes": str(path), **given}, seed=1)[0]


DOORS = pytest.mark.parametrize("door", [windows, scan, observed])
Door = Callable[..., Dataset]


@DOORS
def test_good_input_is_read(door: Door, folder: Path) -> None:
    assert len(door(folder / "good.vcf", samples=f"{folder / 'people'}:population")) > 3


@DOORS
@pytest.mark.parametrize(
    ("file", "error", "words"),
    [
        ("few.vcf", InsufficientDataError, r"fewer than \d+ segregating sites"),
        ("mixed.vcf", InputError, "samples of different ploidy[\\s\\S]*p7"),
    ],
)
def test_genotypes_that_cannot_be_used(door: Door, folder: Path, file: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        door(folder / file, samples=f"{folder / 'people'}:population")


@DOORS
@pytest.mark.parametrize(
    ("file", "error", "words"),
    [
        ("nothing.bed", InsufficientDataError, "hides every site"),
        ("longer.bed", MismatchError, "mask reaches beyond"),
        ("other.bed", MismatchError, "mask has no such contig"),
    ],
)
def test_masks_that_hide_all_or_are_of_another_build(
    door: Door, folder: Path, file: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        door(folder / "good.vcf", samples=f"{folder / 'people'}:population", mask=str(folder / file))


@DOORS
def test_samples_that_the_table_lacks_are_named_and_a_table_of_others_is_refused(door: Door, folder: Path) -> None:
    skips = door(folder / "good.vcf", samples=f"{folder / 'some'}:population").skips
    assert [(skip.count, skip.examples) for skip in skips if "not in the table" in skip.reason] == [(1, ("p7",))]
    with pytest.raises(MismatchError, match="no sample of the table"):
        door(folder / "good.vcf", samples=f"{folder / 'strangers'}:population")


@pytest.mark.parametrize("door", [windows, scan])
def test_a_map_of_another_build_and_polarisation_without_ancestral_alleles(door: Door, folder: Path) -> None:
    with pytest.raises(MismatchError, match="map reaches beyond"):
        door(folder / "good.vcf", map=str(folder / "longer.map"))
    with pytest.raises(InputError, match="no ancestral alleles"):
        door(folder / "good.vcf", ancestral="AA")
