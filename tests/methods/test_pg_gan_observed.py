"""pg-gan on genotypes of a file: which windows it learns from, what it concludes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import ChiasmaError, InputError, InsufficientDataError, MismatchError, UsageError
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.conclusions import FEWEST_REGIONS, conclude
from chiasma.methods.population.pg_gan.config import Config, tiny
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.pg_gan.regions import encode_examples, observed_of, rule_of, simulate_batch
from chiasma.simulate.central_regions import decode_central
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.loading.observed import load_observed

pytest.importorskip("msprime")

LENGTH = 15_000.0


def write_genotypes(folder: Path, sizes: dict[str, int], *, length: float = 200_000, missing: int = 0) -> Path:
    """A phased VCF of simulated diploids and its table of samples; the first sites lack a genotype."""
    model = "const" if len(sizes) == 1 else "im" if len(sizes) == 2 else "ooa3"
    haplotypes = tuple(2 * size for size in sizes.values())
    config = Config(model=model, haplotypes=haplotypes, length=length)  # type: ignore[arg-type]
    (ts,) = examples.trees(config, examples.truth(config), number=1, seed=3)
    alleles = ts.genotype_matrix()
    positions = np.floor(ts.sites_position).astype(int) + 1
    kept = np.flatnonzero(np.diff(positions, prepend=-1) > 0)
    names = [f"{population}{i}" for population, size in sizes.items() for i in range(size)]
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=1,length={length:.0f}>"]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names])]
    for number, site in enumerate(kept):
        pairs = alleles[site].reshape(-1, 2)
        calls = [f"{a}|{b}" for a, b in pairs]
        if number < missing:
            calls[0] = ".|."
        lines.append("\t".join(["1", str(positions[site]), ".", "A", "G", ".", "PASS", ".", "GT", *calls]))
    path = folder / "x.vcf"
    path.write_text("\n".join(lines) + "\n")
    rows = [f"{name}\t{name.rstrip('0123456789')}" for name in names]
    (folder / "samples.tsv").write_text("\n".join(["sample\tpopulation", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def genotypes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_genotypes(tmp_path_factory.mktemp("two"), {"A": 8, "B": 8}, length=600_000, missing=4)


def inputs(path: Path, populations: str = "A,B") -> dict[str, str]:
    return {"genotypes": str(path), "samples": f"{path.parent / 'samples.tsv'}:population={populations}"}


def two(**changes: object) -> Config:
    return tiny().replace(model="im", haplotypes=(12, 10), length=LENGTH, **changes)


def test_windows_of_the_parts_share_no_base_and_are_read_as_simulated_ones(genotypes: Path) -> None:
    config = two(train_examples=40, calibration_examples=8, test_examples=8)
    data, split = load_observed(config, inputs(genotypes), seed=1)
    observed = data.target.values == 1
    assert observed.sum() * 2 == len(data) and len(set(data.ids.tolist())) == len(data)
    reach = {}
    for part in ("train", "calibration", "test"):
        names = data.ids[observed & (split.part == part)]
        ends = np.array([name.split(":")[1].split("-") for name in names], int)
        assert (np.diff(ends, axis=1) == LENGTH).all()
        reach[part] = ends.min(), ends.max()
    assert reach["train"][1] <= reach["calibration"][0] and reach["calibration"][1] <= reach["test"][0]
    assert split.sizes() == {"train": 40, "calibration": 6, "test": 8}, split.proof
    assert "only 4 observed windows are held out" in split.warnings[0]
    (skipped,) = [skip for skip in data.skips if skip.reason == "sites with missing genotypes"]
    assert skipped.count == 4
    codes, distances = encode_examples(config, data.take(observed))
    assert codes.shape == (27, 22, 36), codes.shape and (distances[:, 0] == 0).all() and codes.any(axis=(1, 2)).all()


def test_a_window_of_a_file_is_encoded_as_its_tree_sequence(tmp_path: Path) -> None:
    config = Config(haplotypes=(16,), length=LENGTH, train_examples=2, calibration_examples=0, test_examples=40)
    path = write_genotypes(tmp_path, {"A": 8})
    data, split = load_observed(config, inputs(path, "A"), seed=1)
    whole = config.replace(length=200_000.0)
    (ts,) = examples.trees(whole, examples.truth(whole), number=1, seed=3)
    test = data.take((data.target.values == 1) & (split.part == "test"))
    found = encode_examples(config, test)
    assert len(test) == 1 or len(test) == 2
    for index, name in enumerate(test.ids):
        start, end = (float(place) for place in name.split(":")[1].split("-"))
        part = ts.keep_intervals([[start, end]]).trim()
        codes, distances = decode_central(part, sites=36)
        np.testing.assert_array_equal(found[0][index], codes)
        # of a file positions are whole numbers, of a simulation they are rounded to such
        np.testing.assert_allclose(found[1][index], distances * part.sequence_length / LENGTH, atol=2 / LENGTH)


def test_same_seed_same_windows_and_a_mask_counts_what_it_hides(genotypes: Path, tmp_path: Path) -> None:
    config = two(train_examples=20, calibration_examples=0, test_examples=4)
    first, again, other = (load_observed(config, inputs(genotypes), seed=seed)[0] for seed in (1, 1, 2))
    assert first.ids.tolist() == again.ids.tolist() != other.ids.tolist()
    mask = tmp_path / "mask.bed"
    mask.write_text("1\t0\t60000\n1\t100000\t600000\n")
    hidden, _ = load_observed(config, {**inputs(genotypes), "mask": str(mask)}, seed=1)
    counted = {skip.reason: skip.count for skip in hidden.skips}
    assert counted["windows looked at of which the mask hides more than 50%"] > 0
    assert counted["sites outside the accessibility mask"] > 0


def test_under_a_mask_simulated_regions_look_like_observed_ones_of_the_same_size(tmp_path: Path) -> None:
    path = write_genotypes(tmp_path, {"A": 8}, length=900_000)
    mask = tmp_path / "mask.bed"
    mask.write_text("".join(f"1\t{start}\t{start + 600}\n" for start in range(0, 900_000, 1_000)))
    config = tiny().replace(haplotypes=(16,), length=30_000.0, train_examples=60, test_examples=8)
    data, split = load_observed(config, {**inputs(path, "A"), "mask": str(mask)}, seed=1)
    train = data.take(split.part == "train")
    for identity, example in zip(train.ids, train.x, strict=True):  # type: ignore[arg-type]
        assert len(example["positions"]) >= 10
        assert identity.startswith("simulated:") != ("accessible" in example)
    rule = rule_of(train)
    assert rule.fewest == 10 and len(rule.masks) == 30
    assert all(abs((mask[:, 1] - mask[:, 0]).sum() - 18_000) <= 400 for mask in rule.masks)
    observed = observed_of(config, train)
    worn, bare = (
        simulate_batch(config, {"Ne": 10_000.0}, number=200, seed=2, rule=own)[1].mean() for own in (rule, None)
    )
    # 36 sites lie farther apart where two in five are hidden; without masks only a smaller size would say so
    assert abs(worn / observed[1].mean() - 1) < 0.15 < 0.25 < worn / bare - 1
    simulated = encode_examples(config, train.take(train.target.values == 0))
    assert simulated[0].shape == observed[0].shape


def test_observed_and_simulated_windows_are_left_out_by_one_rule(tmp_path: Path) -> None:
    path = write_genotypes(tmp_path, {"A": 8})
    config = tiny().replace(haplotypes=(16,), length=6_000.0, train_examples=40, test_examples=8)
    data, _ = load_observed(config, inputs(path, "A"), seed=1)
    assert any("fewer than 10" in skip.reason for skip in data.skips)
    assert min(len(example["positions"]) for example in data.x) >= 10  # type: ignore[union-attr]
    assert rule_of(data).fewest == 10 and not rule_of(data).masks
    game = PgGan(config).fit(data, seed=1)
    assert game.redrawn_["drawn again"] > 0 and game.redrawn_["regions"] == 8 * game.simulated_
    assert PgGan.from_state(config, *game.state()).redrawn_ == game.redrawn_


@pytest.mark.parametrize(
    ("changes", "given", "error", "said"),
    [
        ({"model": "const", "haplotypes": (12,)}, {}, InputError, "several populations for a history of one"),
        ({"model": "ooa3", "haplotypes": (4, 4, 4)}, {}, InputError, "populations are not those of the model"),
        ({"haplotypes": (12, 40)}, {}, InsufficientDataError, "too few haplotypes"),
        ({"length": 130_000.0}, {}, InsufficientDataError, "no observed window to test on"),
        ({"mutation_rate": 1.0}, {"samples": None}, InputError, "populations are not those of the model"),
        ({}, {"genotypes": None}, UsageError, "of use with genotypes only"),
        ({"stretches": ("7",)}, {}, MismatchError, "contig"),
    ],
)
def test_what_cannot_be_used_is_refused(
    genotypes: Path, changes: dict[str, object], given: dict[str, None], error: type[ChiasmaError], said: str
) -> None:
    config = two().replace(**changes)
    with pytest.raises(error, match=said):
        load_observed(config, {**inputs(genotypes), **given}, seed=1)


def test_three_populations_in_the_data_and_two_in_the_model(tmp_path: Path) -> None:
    path = write_genotypes(tmp_path, {"A": 5, "B": 5, "C": 5}, length=150_000)
    with pytest.raises(InputError, match="populations are not those of the model") as caught:
        load_observed(two(), {"genotypes": str(path), "samples": f"{tmp_path / 'samples.tsv'}:population"}, seed=1)
    assert "A, B, C" in str(caught.value) and "--samples" in str(caught.value)
    config = tiny().replace(model="ooa3", haplotypes=(6, 6, 6), length=8_000.0, calibration_examples=0, test_examples=4)
    data, _ = load_observed(config, inputs(path, "C,A,B"), seed=1)
    assert next(iter(data.x))["alleles"].shape[0] == 18  # type: ignore[arg-type]


def test_too_few_sites_and_samples_without_a_population(tmp_path: Path) -> None:
    path = write_genotypes(tmp_path, {"A": 8})
    config = tiny().replace(haplotypes=(12,), length=LENGTH)
    lines = path.read_text().splitlines()
    (tmp_path / "few.vcf").write_text("\n".join([*lines[:4], *lines[4::60]]) + "\n")
    with pytest.raises(InsufficientDataError, match="no observed window to train on") as caught:
        load_observed(config, inputs(tmp_path / "few.vcf", "A"), seed=1)
    assert "fewer than 10 segregating sites" in str(caught.value)
    table = tmp_path / "samples.tsv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if not line.startswith("A3")) + "\n")
    data, _ = load_observed(config, inputs(path, "A"), seed=1)
    assert data.notes["haplotypes"].startswith("12 of 14")
    assert any("A3" in skip.examples for skip in data.skips), [str(skip) for skip in data.skips]


def test_a_history_that_cannot_be_simulated_is_refused() -> None:
    config = Config(model="exp", haplotypes=(6,), parameters=("N1",), truth={"T1": 100.0, "T2": 400.0})
    with pytest.raises(InputError, match="cannot be simulated"):
        next(iter(examples.trees(config, examples.truth(config), number=1, seed=1)))


def test_from_genotypes_to_a_page(genotypes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"model": "im", "length": LENGTH, "iterations": 2, "posterior_sets": 50, "haplotypes": [8, 6]}
    done = fit(
        "pg-gan",
        inputs(genotypes),
        output=tmp_path / "run",
        preset="tiny",
        config=settings,
        options={"rivals": False, "draws": 100},
    )
    found = json.loads((done.path / "inference" / "inference.json").read_text())
    assert found == json.loads((done.path / "metrics.json").read_text())["inference"]
    assert found["truth"] is None and found["observed regions"] == 10
    assert set(found["intervals"]) == {"abc", "network", "statistics"}
    for row in (row for way in found["intervals"].values() for row in way.values()):
        assert row["range_low"] <= row["low"] <= row["median"] <= row["high"] <= row["range_high"]
        assert 0 <= row["covered_low"] <= row["covered"] <= row["covered_high"] <= 1
    tables = {path.stem for path in (done.path / "inference").glob("*.csv")}
    assert tables == {"annealing", "calibration", "checks", "estimates", "intervals", "posterior"}
    page = (done.path / "report.html").read_text()
    for name in ("estimates", "demography", "annealing", "predictive_checks", "calibration"):
        assert (done.path / "figures" / f"{name}.svg").exists() and (done.path / "figures" / f"{name}.csv").exists()
    assert "being of 50 simulated data sets" in page and "not measured" not in found["says"]
    assert "90% intervals: N1" in page and "Too few held-out regions to say whether simulations" in page
    assert page.index("Too few held-out regions") < page.index("90% intervals: N1")
    assert found["fit"]["verdict"] == "too few windows to say" and found["gate"] in capsys.readouterr().err
    assert "pop1_tajima_d" in (done.path / "inference" / "checks.csv").read_text()


def test_no_interval_from_a_handful_of_windows_and_none_unsaid_beyond_what_was_simulated() -> None:
    config = tiny().replace(length=LENGTH, posterior_sets=24)
    game = PgGan(config).fit(examples.example(1), seed=1)
    batch = simulate_batch(config, examples.truth(config), number=FEWEST_REGIONS, seed=2)
    few = conclude(game, (batch[0][:3], batch[1][:3]), truth=None, seed=1)
    assert few.facts["says"].startswith("No intervals: 3 observed regions") and "intervals" not in few.tables
    assert {figure.name for figure in few.figures} == {"demography", "annealing", "predictive_checks"}
    halves = np.where(np.arange(batch[0].shape[1]) % 2, -1, 1).astype(np.int8)
    strange = np.broadcast_to(halves[:, None], batch[0].shape).copy(), batch[1] * 0
    said = conclude(game, strange, truth=None, seed=1).facts["says"]
    assert "outside those of all simulated data sets" in said and "extrapolated" in said


@pytest.mark.realdata
def test_lactase_region_of_three_populations(data_dir: Path) -> None:
    folder = data_dir / "population" / "lct_1kg"
    given = {
        "genotypes": str(folder / "lct_1kg_phase3.vcf.gz"),
        "samples": f"{folder / 'samples.tsv'}:population=YRI,CEU,CHB",
    }
    config = Config(model="ooa3", length=LENGTH, train_examples=20, calibration_examples=2, test_examples=4)
    data, split = load_observed(config, given, seed=1)
    codes, _ = encode_examples(config, data.take(data.target.values == 1))
    assert codes.shape[1:] == (198, 36) and split.proof["shared_bases"] == 0
