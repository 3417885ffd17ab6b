"""pg-gan on a history of one's own: a demes file with ranges over its numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import ChiasmaError, FormatError, InputError, UsageError
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.annealing import propose
from chiasma.methods.population.pg_gan.config import Config, tiny
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.simulate.demographies import Prior
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.loading.genotypes import GenotypeChoice
from chiasma.workflow.loading.haplotypes import load_haplotypes
from chiasma.workflow.loading.observed import load_observed
from chiasma.workflow.method import load_method
from command_line import call

pytest.importorskip("msprime")

SPLIT = """
time_units: years
generation_time: 25
metadata:
  haplotypes: {B: 8, A: 6}
  priors:
    T: {paths: [demes/old/epochs/0/end_time, demes/A/start_time, demes/B/start_time], low: 200, high: 4000}
    N_A: {paths: [demes/A/epochs/0/start_size, demes/A/epochs/0/end_size], low: 1000, high: 30000, log: true}
demes:
- {name: old, epochs: [{start_size: 8000, end_time: 25000}]}
- {name: A, ancestors: [old], epochs: [{start_size: 5000}]}
- {name: B, ancestors: [old], epochs: [{start_size: 10000}]}
"""

ALONE = """
time_units: generations
metadata:
  priors:
    Ne: {paths: [demes/me/epochs/0/start_size, demes/me/epochs/0/end_size], low: 1000, high: 30000}
demes:
- {name: me, epochs: [{start_size: 10000}]}
"""


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "split.yaml"
    path.write_text(SPLIT)
    return path


def small(history: Path, **changes: object) -> Config:
    return tiny().replace(demes=str(history), haplotypes=(), length=15_000.0, **changes)


def write_vcf(folder: Path, config: Config, *, tables: dict[str, str]) -> dict[str, str]:
    """A phased VCF of one region under the history, populations in its order; and its table of samples."""
    (ts,) = examples.trees(config.replace(length=400_000.0), examples.truth(config), number=1, seed=3)
    positions = np.floor(ts.sites_position).astype(int) + 1
    names = [f"{name}{i}" for name, size in zip("BA", (8, 6)) for i in range(size // 2)]
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=1,length=400000>"]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names])]
    for site in np.flatnonzero(np.diff(positions, prepend=-1) > 0):
        calls = [f"{a}|{b}" for a, b in ts.genotype_matrix()[site].reshape(-1, 2)]
        lines.append("\t".join(["1", str(positions[site]), ".", "A", "G", ".", "PASS", ".", "GT", *calls]))
    (folder / "x.vcf").write_text("\n".join(lines) + "\n")
    rows = [f"{name}\t{tables[name[0]]}" for name in names]
    (folder / "samples.tsv").write_text("\n".join(["sample\tpopulation", *rows]) + "\n")
    return {"genotypes": str(folder / "x.vcf"), "samples": f"{folder / 'samples.tsv'}:population"}


def test_parameters_populations_and_truth_are_the_files(history: Path) -> None:
    config = small(history)
    assert examples.population_names(config) == ("B", "A") and examples.sample_sizes(config) == (8, 6)
    assert examples.truth(config) == {"T": 1_000, "N_A": 5_000}
    assert examples.truth(config.replace(truth={"N_A": 2_000.0})) == {"T": 1_000, "N_A": 2_000}
    assert [one.unit for one in examples.inferred(config)] == ["generations", "diploids"]
    assert [one.name for one in examples.inferred(config.replace(parameters=("N_A",)))] == ["N_A"]
    assert config.named_files() == {"demes": str(history)}
    history.write_text(SPLIT.replace("start_size: 5000", "start_size: 6000"))
    assert examples.truth(config)["N_A"] == 6_000


def test_const_as_a_file_is_const(tmp_path: Path) -> None:
    path = tmp_path / "alone.yaml"
    path.write_text(ALONE)
    found = []
    for config in (tiny(), tiny().replace(demes=str(path))):
        data = examples.simulated_dataset(config, 1, np.arange(8))
        found.append(PgGan(config.replace(start_batches=2, train_batches=1)).fit(data, seed=1))
    (one, arrays), (other, copies) = ((game.values(), game.state()[0]) for game in found)
    assert one == other
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, copies[name], err_msg=name)


def test_a_file_along_a_genetic_map(history: Path, tmp_path: Path) -> None:
    (tmp_path / "chr.map").write_text("1\t.\t0.0\t1\n1\t.\t10.0\t100000\n")
    config = small(history, genetic_map=str(tmp_path / "chr.map"))
    assert set(config.named_files()) == {"demes", "genetic_map"}
    ts = examples.tree_sequence(config, 1, 1)
    assert ts.num_samples == 14 and ts.num_trees > 20, "a centimorgan in ten thousand bases"


def test_a_walk_on_a_log_scale_spreads_evenly_over_it() -> None:
    rng, prior = np.random.default_rng(1), Prior("N", 100, 10, 1_000, log=True)
    drawn = np.array([propose(100.0, prior, prior.width / 15, rng) for _ in range(400)])
    assert np.log(drawn).std() == pytest.approx(np.log(100) / 15, rel=0.15)
    assert np.median(drawn) == pytest.approx(100, rel=0.06) and prior.middle == pytest.approx(100)


def test_from_a_demes_file_to_a_page(history: Path, tmp_path: Path) -> None:
    settings = {"demes": str(history), "haplotypes": [], "length": 15_000, "iterations": 2}
    arguments = {"preset": "tiny", "config": settings, "options": {"rivals": False, "explain": False, "draws": 100}}
    done = fit("pg-gan", {}, output=tmp_path / "run", **arguments)  # type: ignore[arg-type]
    found = json.loads((done.path / "inference" / "inference.json").read_text())
    assert found["truth"] == {"T": 1_000, "N_A": 5_000} and set(found["intervals"]["abc"]) == {"T", "N_A"}
    assert found["says"].startswith("Not to be believed, being of 24 simulated data sets where 200 or more are needed")
    assert "what they cover was not measured: 90% intervals: T " in found["says"]
    for name, low, high in (("T", 200, 4_000), ("N_A", 1_000, 30_000)):
        row = found["intervals"]["abc"][name]
        assert low <= row["low"] <= row["median"] <= row["high"] <= high and low < found["estimate"][name] < high
    assert {path.stem for path in (done.path / "checkpoint").iterdir()} == {"game", "posterior"}
    assert fit("pg-gan", {}, output=tmp_path / "run", **arguments).state == "complete"  # type: ignore[arg-type]
    history.write_text(SPLIT.replace("high: 4000", "high: 5000"))
    with pytest.raises(UsageError, match="another run"):
        fit("pg-gan", {}, output=tmp_path / "run", **arguments)  # type: ignore[arg-type]


def test_populations_of_genotypes_are_known_by_name(history: Path, tmp_path: Path) -> None:
    config = small(history, train_examples=8, calibration_examples=0, test_examples=4)
    given = write_vcf(tmp_path, config, tables={"B": "B", "A": "A"})
    swapped = {**given, "samples": f"{given['samples']}=A,B"}
    one, other = (load_observed(config, inputs, seed=1)[0] for inputs in (given, swapped))
    for first, second in zip(one.x, other.x, strict=True):  # type: ignore[arg-type]
        np.testing.assert_array_equal(first["alleles"], second["alleles"])
        assert first["sizes"].tolist() == [8, 6]
    found = PgGan(config).fit(one, seed=1)
    assert set(found.values()) == {"T", "N_A"} and np.isfinite(found.scores(one)).all()
    alone = tmp_path / "alone.yaml"
    alone.write_text(SPLIT.replace("{B: 8, A: 6}", "{A: 4}"))
    data, _ = load_observed(config.replace(demes=str(alone)), given, seed=1)
    assert data.notes["haplotypes"].startswith("4 of 14") and data.notes["haplotypes"].endswith("left out: B")
    inputs = {"choice": GenotypeChoice.of(given), "target": data.target, "haplotypes": "all"}
    windows, _ = load_haplotypes(given["genotypes"], config.replace(demes=str(alone)), **inputs)  # type: ignore[arg-type]
    assert windows.notes["haplotypes"].startswith("6 of 14 haplotypes, all of the population")
    strangers = write_vcf(tmp_path, config, tables={"B": "B", "A": "CEU"})
    with pytest.raises(InputError, match="populations of the model that the genotypes lack: A") as caught:
        load_observed(config, strangers, seed=1)
    assert "B, CEU" in str(caught.value) and "names that the table of samples has" in str(caught.value)
    with pytest.raises(InputError, match="populations are not those of the model") as caught:
        load_observed(config, {"genotypes": strangers["genotypes"]}, seed=1)
    assert "B, A" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("  priors:", "  ranges:", InputError, r"no priors(.|\n)*do: .*metadata: {priors: {N: {paths"),
        (", demes/A/start_time", "", InputError, "cannot always be simulated"),
        (", demes/A/epochs/0/end_size", "", InputError, r"cannot always be simulated(.|\n)*start_size and end_size"),
        ("low: 200, high: 4000", "low: 2, high: 20", InputError, r"outside its range(.|\n)*1000 generations"),
        ("low: 200, high: 4000", "low: 1000, high: 1000", InputError, "a range without values"),
        ("low: 200,", "low: few,", InputError, "not a number"),
        ("{B: 8, A: 6}", "{B: 8, C: 6}", InputError, "not numbers of haplotypes"),
        ("{B: 8, A: 6}", "{B: 8, A: 0}", InputError, "not numbers of haplotypes"),
        (
            "  haplotypes: {B: 8, A: 6}\n",
            "",
            UsageError,
            r"no number(.|\n)*--haplotypes '\[20, 20\]'(.|\n)*A: 20, B: 20",
        ),
        ("time_units: years", "time_units: [", FormatError, "not a demes model"),
    ],
)
def test_a_file_that_cannot_be_fitted_is_refused(
    history: Path, old: str, new: str, error: type[ChiasmaError], said: str
) -> None:
    history.write_text(SPLIT.replace(old, new, 1))
    with pytest.raises(error, match=said):
        examples.simulated_dataset(small(history), 1, np.arange(4)).x[0]  # type: ignore[index]
        examples.sample_sizes(small(history))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "mine.yaml"}, "--demes mine.yaml"),
        ({"model": "HomSap/OutOfAfrica_3G09"}, "have no ranges"),
        ({"demes": "HomSap/OutOfAfrica_3G09"}, r"demes\.dump"),
        ({"model": "im", "demes": "mine.yaml"}, "leave one out"),
        ({"model": "mi"}, "'const', 'exp', 'im'"),
    ],
)
def test_one_history_and_by_the_right_name(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Config.parse(settings)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "HomSap/OutOfAfrica_3G09"), "demes.dump("),
        (("--model", "x.yaml"), "a demes file is given by --demes x.yaml"),
        (("--model", "mi"), "'const', 'exp', 'im'"),
    ],
)
def test_histories_of_elsewhere_are_told_on_the_command_line(words: tuple[str, ...], said: str) -> None:
    answer = call("fit", "pg-gan", "--preset", "tiny", *words)
    assert answer.code == 2 and said in answer.err and "'posterior_draws'" not in answer.err


def test_numbers_of_haplotypes_in_the_file_win_over_a_preset_s(history: Path) -> None:
    pg_gan = load_method("pg-gan")
    own = pg_gan.configure({"demes": str(history)}, preset="tiny")
    assert examples.sample_sizes(own) == (8, 6)  # type: ignore[arg-type]
    asked = pg_gan.configure({"demes": str(history), "haplotypes": [4, 2]}, preset="tiny")
    assert examples.sample_sizes(asked) == (4, 2)  # type: ignore[arg-type]
    assert examples.sample_sizes(pg_gan.configure(preset="tiny")) == (12,)  # type: ignore[arg-type]


def test_a_truth_outside_its_range_is_refused_as_the_file_s_is(history: Path) -> None:
    config = small(history, truth={"N_A": 900_000.0})
    with pytest.raises(UsageError, match=r"truth\.N_A: .*outside its range(.|\n)*900000 diploids(.|\n)*1000 to 30000"):
        examples.simulated_dataset(config, 1, np.arange(2))
    given = config.replace(parameters=("T",))  # nothing is to be found of it
    assert examples.truth(given)["N_A"] == 900_000


def test_a_file_that_is_absent_or_changed_after_the_fit(history: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such demes file"):
        examples.history(Config(demes=str(tmp_path / "absent.yaml")))
    config = small(history, starts=1, start_batches=1, iterations=1, proposals=1, train_batches=1)
    fitted = PgGan(config).fit(examples.simulated_dataset(config, 1, np.arange(4)), seed=1)
    assert PgGan.from_state(config, *fitted.state()).values() == fitted.values()
    arrays, facts = fitted.state()
    history.write_text(SPLIT + "# later\n")
    with pytest.raises(InputError, match="changed since the fit"):
        PgGan.from_state(config, arrays, facts)
