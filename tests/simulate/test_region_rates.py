"""Recombination of simulated regions along a genetic map."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import InputError, InsufficientDataError, UsageError
from chiasma.core.rng import generator
from chiasma.data.genetic_map import GeneticMap
from chiasma.data.simulated import Simulated
from chiasma.io.genetic_map import read_genetic_map
from chiasma.methods.population.diploshic import config as diploshic
from chiasma.methods.population.pg_gan import config as pg_gan, examples as games
from chiasma.methods.population.selection_detector import config as detector, examples as windows
from chiasma.run.simulations import content_key
from chiasma.simulate.region_rates import drawn_rates, find_map_stretches, map_tells
from chiasma.simulate.sweep_examples import simulated_dataset, tree_sequence
from chiasma.simulate.sweep_regions import SweepDesign
from chiasma.workflow.method import load_method
from command_line import call

msprime = pytest.importorskip("msprime")


@pytest.fixture
def hot_end(tmp_path):
    """A map of 400 kb, in stretches of 20 kb: nothing for 18 kb, then all crossovers in 2 kb."""
    lines = ["pos chr cM", "1 7 0"]
    for stretch in range(20):
        lines += [f"{20_000 * stretch + 18_001} 7 {stretch}", f"{20_000 * (stretch + 1) + 1} 7 {stretch + 1}"]
    path = tmp_path / "hot.gmap"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def _along(path):
    """Settings of sweeps in regions of 20 kb along a map."""
    return {"genetic_map": path, "length": 20_000, "recombination_rate": SweepDesign().recombination_rate}


def test_stretches_lie_end_to_end_and_have_the_rates_of_the_map():
    chart = GeneticMap(
        {"1": np.array([100, 400, 1_200]), "2": np.array([0, 50])}, {"1": np.array([0, 3.0, 4.0]), "2": np.zeros(2)}
    )
    found = find_map_stretches(chart, length=500)
    assert list(zip(found.contigs, found.starts)) == [("1", 100), ("1", 600)]
    seen = set()
    for seed in range(20):
        rates = found.drawn(generator(seed))
        ends = [chart.at("1", np.array([start, start + 500])) for start in (100, 600)]
        which = int(np.argmin([abs(rates.total_mass * 100 - np.diff(end)[0]) for end in ends]))
        assert rates.total_mass * 100 == pytest.approx(np.diff(ends[which])[0])
        assert rates.sequence_length == 500
        seen.add(which)
    assert seen == {0, 1}


def test_gaps_between_markers_are_no_stretches():
    near = np.arange(0, 100_000, 500)
    markers = np.concatenate([near, near + 300_000])  # 200 kb without a marker
    chart = GeneticMap({"1": markers}, {"1": np.concatenate([near, near + 100_000]) / 1e6})
    found = find_map_stretches(chart, length=20_000)
    assert found.starts.tolist() == [0, 20_000, 40_000, 60_000, 80_000, 300_000, 320_000, 340_000, 360_000]
    assert map_tells(chart, "1", np.array([95_000, 85_000, -10, 390_000]), 20_000).tolist() == [
        False,
        True,
        False,
        False,
    ]
    assert not map_tells(chart, "2", np.array([0]), 20_000).any()


@pytest.mark.realdata
@pytest.mark.parametrize("length", [50_000, 1_100_000])
def test_regions_along_a_human_chromosome_recombine(data_dir, length):
    chart = read_genetic_map(data_dir / "population" / "maps" / "chr1.b37.gmap.gz")
    found = find_map_stretches(chart, length=length)
    cm = chart.at("1", found.starts + length) - chart.at("1", found.starts)
    # 9.8 and 8.4 % of all stretches lie in the centromere and other gaps; 2 % of those of 50 kb are cold
    assert (cm < 0.01 * length / 1e6).mean() < (0.03 if length == 50_000 else 0.001)
    assert len(found.starts) > 0.85 * 249e6 / length


@pytest.mark.parametrize(("first", "hot"), [(0, 18_000), (210_000, 8_000)])
def test_mask_and_map_are_of_one_stretch(hot_end, tmp_path, first, hot):
    mask = tmp_path / "mask.bed"
    mask.write_text(f"7\t{first}\t{first + 20_000}\n")
    tiny = diploshic.tiny()
    config = tiny.replace(sweeps={**tiny.sweeps.model_dump(), **_along(hot_end), "mask": str(mask)})
    for index in range(3):
        places = _crossovers([tree_sequence(config, 5, index)])
        assert len(places) > 5
        assert ((places >= hot) & (places < hot + 2_000)).all()


def test_a_map_without_a_stretch_so_long_is_refused(hot_end, tmp_path):
    with pytest.raises(InsufficientDataError, match="400,000 bases between markers"):
        drawn_rates(hot_end, 500_000, generator(1))
    with pytest.raises(InputError, match="no such genetic map"):
        drawn_rates(str(tmp_path / "absent"), 20_000, generator(1))
    with pytest.raises(InputError, match="whole number"):
        drawn_rates(hot_end, 20_000.5, generator(1))


def _crossovers(trees):
    return np.concatenate([ts.breakpoints(as_array=True)[1:-1] for ts in trees])


def test_regions_of_a_game_cross_over_where_the_map_does(hot_end):
    config = pg_gan.tiny().replace(genetic_map=hot_end, length=20_000)
    places = _crossovers(games.trees(config, {"Ne": 5_000}, number=5, seed=3))
    assert len(places) > 50
    assert (places >= 18_000).all()
    again = _crossovers(games.trees(config, {"Ne": 5_000}, number=5, seed=3))
    assert np.array_equal(places, again)


def test_swept_and_neutral_regions_cross_over_where_the_map_does(hot_end):
    config = detector.tiny().replace(genetic_map=hot_end, length=20_000)
    for index in (0, 1):
        places = _crossovers([windows.tree_sequence(config, 5, index)])
        assert len(places) > 5
        assert (places >= 18_000).all()
    tiny = diploshic.tiny()
    swept = tiny.replace(sweeps={**tiny.sweeps.model_dump(), **_along(hot_end)})
    for index in range(5):
        places = _crossovers([tree_sequence(swept, 5, index)])
        assert len(places) > 5
        assert (places >= 18_000).all()


def test_examples_along_another_map_are_others(hot_end):
    tiny = diploshic.tiny()
    config = tiny.replace(sweeps={**tiny.sweeps.model_dump(), **_along(hot_end)})
    x = simulated_dataset(config, 1, np.arange(3)).x
    assert isinstance(x, Simulated)
    before = content_key(x)
    with open(hot_end, "a") as file:
        file.write("500001 7 30\n")
    assert content_key(x) != before
    assert pg_gan.tiny().replace(genetic_map=hot_end).named_files() == {"genetic_map": hot_end}


@pytest.mark.parametrize(("method", "inside"), [("pg-gan", ""), ("selection-detector", ""), ("diploshic", "sweeps")])
def test_a_rate_beside_a_map_is_refused_and_a_preset_s_gives_way(hot_end, method, inside):
    def own(**values):
        return {inside: values} if inside else values

    found = load_method(method)
    with pytest.raises(UsageError, match="a genetic map gives the rates: leave"):
        found.configure(own(genetic_map=hot_end, recombination_rate=2e-8), preset="tiny")
    config = found.configure(own(genetic_map=hot_end), preset="tiny")
    settings = config.sweeps if inside else config
    assert settings.genetic_map == hot_end and settings.recombination_rate == 1.25e-8
    assert found.configure(config.model_dump(), preset="tiny") == config


@pytest.mark.parametrize("method", ["pg-gan", "selection-detector", "shic"])
def test_a_faulty_map_is_refused_before_anything_is_simulated(hot_end, tmp_path, method):
    flag = "--sweeps.genetic-map" if method == "shic" else "--genetic-map"
    (tmp_path / "other.txt").write_text("one two\n1 2\n")
    (tmp_path / "short.gmap").write_text("pos chr cM\n1 7 0\n18001 7 1\n")
    for name, said in (("absent", "absent"), ("other.txt", "not a genetic map"), ("short.gmap", "as long as a region")):
        answer = call("fit", method, "--preset", "tiny", flag, tmp_path / name, "-o", tmp_path / "run")
        assert answer.code == 3 and said in answer.err and str(tmp_path / name) in answer.err
        assert "split" not in answer.err and not (tmp_path / "run").exists()
