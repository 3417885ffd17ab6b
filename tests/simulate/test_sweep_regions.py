import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import FormatError, InputError, InsufficientDataError, UsageError
from chiasma.data.simulated import Simulated
from chiasma.io.masks import read_mask
from chiasma.methods.population.shic import examples
from chiasma.methods.population.shic.config import tiny
from chiasma.run.simulations import content_key
from chiasma.simulate.masked import find_stretches
from chiasma.simulate.sweep_regions import (
    FIVE,
    NINE,
    SweepDesign,
    draw_case,
    history_of,
    simulate_region,
    simulate_region_trees,
    worn_mask,
)

pytest.importorskip("msprime")

SMALL = SweepDesign(
    haplotypes=12,
    length=110_000,
    sizes=(1_000.0,),
    mutation_rate=4e-7,
    mutation_range=(1.0, 1.0),
    recombination_rate=1e-7,
    strengths=(0.2, 0.3),
    ends=(0.0, 8.0),
)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 2**31))
def test_cases_are_what_their_class_says(index, seed):
    case = draw_case(SMALL, NINE, seed, index)
    assert case == draw_case(SMALL, NINE, seed, index) and case.kind == NINE[index % 9]
    assert case.recombination_rate <= SMALL.recombination_most * SMALL.recombination_rate
    if case.kind == "neutral":
        assert case.sweep is None and case.window is None
        return
    assert (case.window == 5) == (not case.kind.startswith("linked")) and 0 <= case.window < 11
    sweep = case.sweep
    assert sweep.problems() == [] and sweep.position == pytest.approx((case.window + 0.5) * 10_000)
    assert (sweep.start_frequency > 0) == case.kind.endswith("soft")
    assert (sweep.final_frequency < 1) == ("partial" in case.kind)
    assert sweep.end == 0 if "partial" in case.kind else 0 <= sweep.end <= 8


def test_linked_sweeps_lie_in_every_other_window():
    windows = {draw_case(SMALL, FIVE, 1, index).window for index in range(3, 1500, 5)}
    assert windows == set(range(11)) - {5}


def test_a_hard_sweep_takes_diversity_where_it_is():
    def profile(kind: int) -> np.ndarray:
        grids = [simulate_region(SMALL, FIVE, "diploid", run_seed=1, index=5 * i + kind)["grid"] for i in range(25)]
        return np.mean([grid[0] for grid in grids], axis=0)

    hard, neutral = profile(0), profile(1)
    assert hard[5] < 0.35 * neutral[5] and hard[5] < hard[0] and hard[5] < hard[10]
    assert 0.6 < neutral[5] / neutral.mean() < 1.6


def test_addresses_repeat_and_sizes_matter():
    one, two = (simulate_region(SMALL, FIVE, "haploid", run_seed=3, index=1) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    few, many = (
        sum(simulate_region_trees(SMALL, FIVE, 3, i, factor=factor).num_sites for i in range(1, 40, 5))
        for factor in (1.0, 3.0)
    )
    assert many > 2 * few


def test_ancestral_alleles_taken_for_derived_ones_change_polarised_statistics_only():
    wrong = SMALL.replace(mispolarised=0.3)
    for statistics, same in (("diploid", True), ("haploid", False)):
        one, two = (simulate_region(d, FIVE, statistics, run_seed=1, index=1)["grid"] for d in (SMALL, wrong))
        assert np.allclose(one, two, equal_nan=True) == same


def test_histories_come_from_a_demes_file(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(
        "time_units: generations\ndemes:\n- name: A\n  epochs: [{start_size: 900, end_time: 100}, {start_size: 5000}]\n"
    )
    history = history_of(SweepDesign(demes=str(path)))
    assert history.sizes.tolist() == [5000, 900] and history.starts.tolist() == [0, 100]
    path = tmp_path / "split.yaml"
    path.write_text(
        "time_units: generations\ndemes:\n- {name: X, epochs: [{start_size: 500, end_time: 50}]}\n"
        "- {name: A, ancestors: [X], epochs: [{start_size: 100}]}\n"
        "- {name: B, ancestors: [X], epochs: [{start_size: 200}]}\n"
    )
    with pytest.raises(InputError, match="several demes"):
        history_of(SweepDesign(demes=str(path)))
    assert history_of(SweepDesign(demes=str(path), deme="B")).sizes.tolist() == [200, 500]
    path.write_text(path.read_text() + "migrations:\n- {demes: [A, B], rate: 0.001}\n")
    with pytest.raises(
        InputError, match=r"split\.yaml: deme B: sweeps are simulated in one population without gene flow"
    ) as e:
        history_of(SweepDesign(demes=str(path), deme="B"))
    assert "A > B" in str(e.value) and "name another deme" in (e.value.do or "")
    with pytest.raises(InputError, match=r"split\.yaml: no such deme"):
        history_of(SweepDesign(demes=str(path), deme="C"))
    with pytest.raises(InputError, match="no such demes file"):
        history_of(SweepDesign(demes=str(tmp_path / "none.yaml")))


def test_demes_files_that_sweeps_cannot_follow(tmp_path):
    path = tmp_path / "one.yaml"
    for rate in ("selfing_rate", "cloning_rate"):
        path.write_text(f"time_units: generations\ndemes:\n- {{name: A, epochs: [{{start_size: 500, {rate}: 0.5}}]}}\n")
        with pytest.raises(InputError, match=r"one\.yaml: deme A: sweeps are simulated under random mating") as caught:
            history_of(SweepDesign(demes=str(path)))
        assert f"{rate} 0.5" in str(caught.value)
        path.unlink()
    path.write_text("time_units: generations\ndemes: [\n")
    with pytest.raises(FormatError, match="not a demes model"):
        history_of(SweepDesign(demes=str(path)))
    path.write_text("time_units: generations\ndemes:\n- {name: A, epochs: [{start_size: 500, end_time: 9}]}\n")
    with pytest.raises(InputError, match="no deme is alive today"):
        history_of(SweepDesign(demes=str(path)))
    two = "".join(f"- {{name: {name}, epochs: [{{start_size: 500, end_time: 50}}]}}\n" for name in "AB")
    mixed = "- {name: C, ancestors: [A, B], proportions: [0.5, 0.5], start_time: 50, epochs: [{start_size: 500}]}\n"
    path.write_text(f"time_units: generations\ndemes:\n{two}{mixed}")
    with pytest.raises(InputError, match="one unmixed population") as caught:
        history_of(SweepDesign(demes=str(path)))
    assert "A, B" in str(caught.value)


def test_regions_wear_masks_of_the_genome(tmp_path):
    stretches = [(start, start + 600) for start in range(50_000, 900_000, 1_000)]
    path = tmp_path / "mask.bed"
    path.write_text("".join(f"chr2\t{start}\t{end}\n" for start, end in stretches))
    design = SMALL.replace(mask=str(path))
    mask = worn_mask(design, 1, 7)
    edges = np.linspace(0, design.length, 12)
    share = mask.bases("1", edges) / 10_000
    assert ((share > 0.55) & (share < 0.65)).all() and mask.problems() == []
    bare, worn = (simulate_region(d, FIVE, "diploid", run_seed=1, index=6)["sites"].sum() for d in (SMALL, design))
    assert 0.4 * bare < worn < 0.8 * bare
    # a hole in one window: no stretch that has this window whole is drawn, whatever all its bases are
    path.write_text("chr2\t0\t300000\nchr2\t308000\t700000\n")
    found = find_stretches(read_mask(path), length=110_000, least=0.25, windows=11)
    held = [start for start in range(0, 590_001, 10_000) if not start <= 300_000 < start + 110_000]
    assert found.starts.tolist() == held
    whole = find_stretches(read_mask(path), length=110_000, least=0.25)
    assert whole.starts.tolist() == [start * 110_000 for start in range(6)]
    path.write_text("chr2\t10\t2000\n")
    with pytest.raises(InsufficientDataError, match="no stretch to draw"):
        worn_mask(design.replace(mask=str(path), length=110_001), 1, 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strengths": (0.2, 0.1)},
        {"start_frequencies": (0.0, 0.5)},
        {"sizes": (1e4, 1e3)},
        {"final_frequencies": (0.2, 1.2)},
    ],
)
def test_ranges_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError):
        SweepDesign.parse(wrong)


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("mask", "chr1\t0\t110000\n", "chr1\t0\t90000\n"),
        (
            "demes",
            "time_units: generations\ndemes:\n- {name: A, epochs: [{start_size: 1000}]}\n",
            "time_units: generations\ndemes:\n- {name: A, epochs: [{start_size: 5000}]}\n",
        ),
    ],
)
def test_what_is_kept_goes_by_the_contents_of_files(tmp_path, field, before, after):
    """A file that is edited in place gives other simulations, and another run."""
    from chiasma.workflow.fitting.fit import plan

    def names(path):
        config = tiny().replace(sweeps=SMALL.replace(**{field: str(path)}))
        job = plan("shic", config={"sweeps": {field: str(path)}}, preset="tiny")
        return content_key(Simulated(examples.simulate, config, 1, np.arange(2))), job.identity()["files"]

    path = tmp_path / "file"
    path.write_text(before)
    first = names(path)
    assert first == names(path) and set(first[1]) == {f"sweeps.{field}"}
    path.write_text(after)
    second = names(path)
    assert first[0] != second[0] and first[1] != second[1]
    path.write_text(before)
    assert names(path) == first
    path.unlink()
    with pytest.raises(InputError, match="cannot read"):
        names(path)
    bare = Simulated(examples.simulate, tiny(), 1, np.arange(2))
    assert content_key(bare) != first[0] and "files" not in plan("shic", preset="tiny").identity()
