"""Sweeps against Wright-Fisher, a slow twin, Ewens' formula, msprime and discoal's recorded distributions."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chiasma.core.errors import InputError, RunError
from chiasma.core.rng import generator
from chiasma.simulate.sweeps import SizeHistory, Sweep, phase as phase_module, simulate_sweep
from chiasma.simulate.sweeps.events import follow, reach_origin
from chiasma.simulate.sweeps.lineages import EDGES
from chiasma.simulate.sweeps.phase import Course, lineage_segments, start_lineages
from chiasma.simulate.sweeps.trajectory import backward_path
from chiasma.stats.popgen.sites import haplotype_counts, site_diversity

msprime = pytest.importorskip("msprime")
tskit = pytest.importorskip("tskit")

SIZE = 10_000.0
LENGTH = 20_000.0
RATE = 40 / (4 * SIZE * LENGTH)  # of mutation and of recombination: theta = rho = 40


def scaled(tau, alpha, **more):
    """discoal's tau (4 N generations) and alpha (2 N s/2) in generations and s."""
    return Sweep(LENGTH / 2, s=alpha / SIZE, end=tau * 4 * SIZE, **more)


CONSTANT = SizeHistory.constant(SIZE)
SCENARIOS = {
    "hard_const": (scaled(0.005, 500), CONSTANT),
    "hard_bottleneck": (scaled(0.02, 1000), SizeHistory.of((0, SIZE), (400, 0.1 * SIZE), (2000, SIZE))),
    "partial_c06_const": (scaled(0, 500, final_frequency=0.6), CONSTANT),
    "soft_f005_const": (scaled(0.005, 500, start_frequency=0.05), CONSTANT),
    "soft_f005_expansion": (
        scaled(0.005, 1000, start_frequency=0.05),
        SizeHistory.of((0, SIZE), (800, 0.3 * SIZE)),
    ),
    "recurrent_uA2_const": (scaled(0.005, 500, recurrence=2 / (4 * SIZE)), CONSTANT),
}


def paths(number, sweep, history, seed=1):
    rng = generator(seed, "paths")
    end = (sweep.s, sweep.end, sweep.final_frequency, sweep.start_frequency or -1.0)
    return [backward_path(rng, end, history.starts, history.sizes) for _ in range(number)]


def summary(ts, seed):
    """Segregating sites, diversity and H12 after neutral mutations."""
    ts = msprime.sim_mutations(
        ts, rate=RATE, random_seed=seed + 1, discrete_genome=False, model=msprime.BinaryMutationModel()
    )
    alleles = ts.genotype_matrix().T.astype(np.int8)
    ones = alleles.sum(axis=0)
    alleles = alleles[:, (ones > 0) & (ones < len(alleles))]
    frequency = haplotype_counts(alleles) / len(alleles)
    h12 = frequency[:2].sum() ** 2 + (frequency[2:] ** 2).sum()
    return alleles.shape[1], site_diversity(alleles).sum(), h12


def simulated(sweep, history, number, **more):
    arguments = {"haplotypes": 40, "length": LENGTH, "recombination": RATE, **more}
    return (simulate_sweep(sweep, history, seed=seed, **arguments) for seed in range(number))


def agree(ours, theirs, *, level):
    """Whether Kolmogorov and Smirnov tell two samples of statistics (replicate, statistic) apart, corrected."""
    p = [stats.ks_2samp(a, b).pvalue for a, b in zip(np.transpose(ours), np.transpose(theirs))]
    assert min(p) * len(p) > level, p


# ---- the path of the allele ----


def test_a_path_lasts_as_long_as_in_wright_and_fishers_model():
    n, s = 400, 0.05  # diploids
    rng = generator(3, "forward")
    copies = np.ones(12_000, int)
    fixed_at = np.zeros(len(copies))
    above_half = np.zeros(len(copies))
    for generation in range(1, 3000):
        going = (copies > 0) & (copies < 2 * n)
        if not going.any():
            break
        x = copies[going] / (2 * n)
        mean_fitness = 1 + s * x  # fitness 1, 1 + s/2, 1 + s
        copies[going] = rng.binomial(2 * n, x * (1 + s / 2 + s / 2 * x) / mean_fitness)
        fixed_at[going] = generation
        above_half[going] += copies[going] > n
    fixed = copies == 2 * n
    assert fixed.mean() == pytest.approx(1 - np.exp(-s), rel=0.15)  # 2 N alleles, each with s/2 (Kimura 1962)
    drawn = paths(1000, Sweep(0, s=s), SizeHistory.constant(n))
    lasts = np.array([times[-1] for times, _, _ in drawn])
    above = np.array([np.diff(times)[x > 0.5].sum() for times, x, _ in drawn])
    assert lasts.mean() == pytest.approx(fixed_at[fixed].mean(), rel=0.06)
    assert above.mean() == pytest.approx(above_half[fixed].mean(), rel=0.06)


@pytest.mark.parametrize("frequency", [0.05, 0.5])
def test_the_age_of_a_neutral_allele_is_kimura_and_ohtas(frequency):
    # Kimura & Ohta 1973: mean age -2x ln x / (1-x), in 2N generations
    drawn = paths(1500, Sweep(0, s=0, final_frequency=frequency), SizeHistory.constant(1e4))
    ages = np.array([times[-1] for times, _, _ in drawn]) / 2e4
    expected = -2 * frequency * np.log(frequency) / (1 - frequency)
    assert abs(ages.mean() - expected) < 4 * ages.std() / np.sqrt(len(ages))


def test_selection_on_a_standing_allele_lasts_as_long_as_in_wright_and_fishers_model():
    # weak selection: a path cut where it last stood at the frequency would be 28 % short
    n, s, frequency = 250, 0.016, 0.3
    rng = generator(4, "forward")
    copies = np.full(5_000, round(2 * n * frequency))
    lasted, above = np.zeros((2, len(copies)))
    while (going := (copies > 0) & (copies < 2 * n)).any():
        x = copies[going] / (2 * n)
        lasted[going] += 1
        above[going] += (x > frequency) + 0.5 * (x == frequency)
        copies[going] = rng.binomial(2 * n, x * (1 + s / 2 + s / 2 * x) / (1 + s * x))
    fixed = copies == 2 * n
    history = SizeHistory.constant(n)
    both = _times_above(paths(2000, Sweep(0, s=s, start_frequency=frequency), history), frequency)
    stood = _times_above(paths(2000, Sweep(0, s=0, final_frequency=frequency), history), frequency)
    error = np.hypot(both.std(axis=0), stood.std(axis=0)) / np.sqrt(len(both))
    expected = np.array([lasted[fixed].mean(), above[fixed].mean()])
    assert (error < 0.04 * expected).all()
    assert np.abs(both.mean(axis=0) - stood.mean(axis=0) - expected) == pytest.approx(0, abs=3 * error.max())


def _times_above(drawn, frequency):
    """Generations of each path, and of these the ones above a frequency (path, 2)."""
    return np.array([(times[-1] - times[0], np.diff(times)[x > frequency].sum()) for times, x, _ in drawn])


def test_a_path_ends_where_an_epoch_holds_less_than_a_copy_of_its_first_frequency():
    history = SizeHistory.of((0, 100_000), (1_500, 1_000))
    for times, x, _ in paths(200, Sweep(0, s=0.02, start_frequency=1e-4), history):
        assert times[-1] < 50_000 and len(x) < 200_000


def test_neutrality_lasts_as_long_as_the_allele_stood():
    # what follows is neutral: its mean duration is that of an allele which stands at this frequency
    frequency, sweep = 0.05, Sweep(0, s=0.05, start_frequency=0.05)
    stood = []
    for times, x, _ in paths(1500, sweep, CONSTANT):
        last = np.flatnonzero((np.diff(times) < 0.1) & (x > 0.02))[-1]  # the last short step
        assert x[last] == pytest.approx(frequency, rel=0.02)
        stood.append((times[-1] - times[last + 1]) / (2 * SIZE))
    expected = -2 * frequency * np.log(frequency) / (1 - frequency)
    assert abs(np.mean(stood) - expected) < 4 * np.std(stood) / np.sqrt(len(stood))


def test_a_path_knows_its_sizes_and_ends_with_one_copy():
    history = SizeHistory.of((0, 1000), (50, 100), (300, 5000))
    for times, x, sizes in paths(20, Sweep(0, s=0.2, end=20), history):
        assert times[0] == 20 and (np.diff(times) > 0).all()
        assert x[0] > 0.99 and x[-1] < 0.05 and ((x > 0) & (x < 1)).all()
        assert sizes.tolist() == [history.at(time) for time in times[:-1]]


# ---- the genealogy ----


def twin(path, *, n, loci, rate, site, rng):
    """Coalescence times of two samples at each locus, from sets of loci: Braverman et al. 1995, step by step.

    A lineage is (samples it carries at each locus, allele); only tree tops of pairs are kept.
    """
    lineages = [[{locus: {i} for locus in range(loci)}, True] for i in range(n)]
    met = {}
    times, means, sizes = path
    for step, x in enumerate(means):
        now = times[step]
        while True:
            classes = [[line for line in lineages if line[1] is derived] for derived in (True, False)]
            rates = [
                len(group) * (len(group) - 1) / 2 / (2 * sizes[step] * share)
                for group, share in zip(classes, (x, 1 - x))
            ]
            spans = [max(*line[0], site) - min(*line[0], site) for line in lineages]
            rates.append(rate * sum(spans))
            now += rng.exponential(1 / sum(rates)) if sum(rates) else np.inf
            if now >= times[step + 1]:
                break
            event = rng.choice(3, p=np.array(rates) / sum(rates))
            if event < 2:
                join(lineages, met, [classes[event][i] for i in rng.choice(len(classes[event]), 2, replace=False)], now)
                continue
            line = lineages[rng.choice(len(lineages), p=np.array(spans) / sum(spans))]
            low = min(*line[0], site)
            cut = rng.uniform(low, low + spans[lineages.index(line)])
            near = {locus: who for locus, who in line[0].items() if (locus > cut) == (site > cut)}
            far = {locus: who for locus, who in line[0].items() if locus not in near}
            lineages.remove(line)
            lineages += [[near, line[1]]] if near else []
            lineages += [[far, bool(rng.random() < x)]] if far else []
    while len(group := [line for line in lineages if line[1]]) > 1:
        join(lineages, met, group[:2], times[-1])
    return [met.get(locus, np.inf) for locus in range(loci)]


def join(lineages, met, pair, now):
    one, two = pair
    for locus in one[0].keys() & two[0].keys():
        met.setdefault(locus, now)
    both = {locus: one[0].get(locus, set()) | two[0].get(locus, set()) for locus in one[0].keys() | two[0].keys()}
    lineages.remove(one)
    lineages.remove(two)
    lineages.append([both, one[1]])


def kernel(path, *, rate, site, seed):
    """Coalescence times of two samples at five loci, from the compiled state."""
    tables = tskit.TableCollection(5.0)
    for _ in range(2):
        tables.nodes.add_row(flags=1, time=0)
    rng = generator(seed, "kernel")
    region = (np.array([0.0, 5.0]), np.array([0.0, 5.0 * rate]))
    course = Course(*path, position=site, carriers=1.0, origin=True)
    x = start_lineages(lineage_segments(tables, 0.0), tables, course, region, 1, rng)
    reach_origin(x, rng, follow(x, rng, path, (0.0, -1.0)), 0.0)
    edges = x.edges[: x.used[EDGES]]
    times = []
    for locus in range(5):
        over = edges[(edges[:, 0] <= locus) & (edges[:, 1] > locus)]
        times.append(x.node_time[int(over[0, 2])] if len(over) else np.inf)
    return times


def test_pairs_escape_the_sweep_as_in_the_slow_twin():
    history, rng = SizeHistory.constant(500), generator(5, "twin")
    arguments = {"rate": 0.02, "site": 1.0}
    drawn = paths(1000, Sweep(0.0, s=0.4), history)
    theirs = np.array([twin(path, n=2, loci=5, rng=rng, **arguments) for path in drawn[:80]])
    ours = np.array([kernel(path, seed=seed, **arguments) for seed, path in enumerate(drawn)])
    met, expected = np.isfinite(ours).mean(axis=0), np.isfinite(theirs).mean(axis=0)
    assert met[1] == expected[1] == 1 and met[4] < met[2] < 1
    assert (np.abs(met - expected) < 4 * np.sqrt(met * (1 - met) / 80) + 1e-9).all()
    for locus in range(5):
        a, b = (times[:, locus][np.isfinite(times[:, locus])] for times in (ours, theirs))
        assert stats.ks_2samp(a, b).pvalue > 0.001


def test_origins_of_a_recurrent_mutation_follow_ewens():
    # Pennings & Hermisson 2006: without crossovers, origins among n fixed copies are Ewens(4 N u), nearly
    theta, n = 2.0, 20
    sweep = Sweep(5.0, s=0.2, recurrence=theta / (4 * SIZE))
    origins = [ts.num_mutations for ts in simulated(sweep, CONSTANT, 300, haplotypes=n, length=10.0, recombination=0.0)]
    expected = theta / (theta + np.arange(n))
    assert np.mean(origins) == pytest.approx(expected.sum(), abs=4 * np.sqrt((expected * (1 - expected)).sum() / 300))


def test_the_selected_site_tells_carriers():
    carriers = []
    for ts in simulated(scaled(0, 500, final_frequency=0.6), CONSTANT, 60):
        assert ts.sites_position.tolist() == [LENGTH / 2] and ts.num_mutations == 1
        carriers.append(ts.genotype_matrix().sum())
    assert np.mean(carriers) == pytest.approx(24, abs=4 * np.sqrt(40 * 0.24 / 60))
    hard = next(simulated(scaled(0.005, 500), CONSTANT, 1))
    assert hard.num_sites == 0  # fixed: the allele does not segregate


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_seed_gives_one_whole_genealogy(name):
    sweep, history = SCENARIOS[name]
    one, two = (simulate_sweep(sweep, history, haplotypes=8, length=LENGTH, recombination=RATE, seed=4) for _ in "ab")
    other = simulate_sweep(sweep, history, haplotypes=8, length=LENGTH, recombination=RATE, seed=5)
    assert one.tables.equals(two.tables, ignore_provenance=True)
    assert not one.tables.equals(other.tables, ignore_provenance=True)
    assert one.num_samples == 8 and one.sequence_length == LENGTH and one.time_units == "generations"
    assert all(tree.num_roots == 1 for tree in one.trees())
    assert not np.isin(one.nodes_flags[8:], 1).any()


def test_without_crossovers_there_is_one_tree_since_the_origin():
    for ts in simulated(scaled(0.001, 500), CONSTANT, 20, recombination=0.0, haplotypes=10):
        assert ts.num_trees == 1 and ts.max_root_time < 40 + 2000  # 2 ln(2 N) / (s/2) is 400 generations


def test_a_genetic_map_places_the_crossovers():
    hot = msprime.RateMap(position=[0, 9_000, 10_000, LENGTH], rate=[0, 20 * RATE, 0])
    for ts in simulated(scaled(0.005, 500), CONSTANT, 20, recombination=hot):
        inner = ts.breakpoints(as_array=True)[1:-1]
        assert ((inner > 9_000) & (inner < 10_000)).all()
    with pytest.raises(InputError, match="another length"):
        next(simulated(scaled(0.005, 500), CONSTANT, 1, length=2 * LENGTH, recombination=hot))
    unknown = msprime.RateMap(position=[0, 9_000, LENGTH], rate=[np.nan, RATE])
    with pytest.raises(InputError, match="1 intervals"):
        next(simulated(scaled(0.005, 500), CONSTANT, 1, recombination=unknown))


def test_room_that_runs_out_changes_nothing(monkeypatch):
    sweep, history = SCENARIOS["soft_f005_const"]
    one = simulate_sweep(sweep, history, haplotypes=30, length=LENGTH, recombination=20 * RATE, seed=4)
    allocate = phase_module.allocate
    monkeypatch.setattr(phase_module, "allocate", lambda *sizes: tight(allocate(*sizes), room=sizes[-1]))
    two = simulate_sweep(sweep, history, haplotypes=30, length=LENGTH, recombination=20 * RATE, seed=4)
    assert one.tables.equals(two.tables, ignore_provenance=True)
    monkeypatch.setattr(phase_module, "_MOST_ROOM", 1)
    with pytest.raises(RunError, match="too many lineages"):
        simulate_sweep(sweep, history, haplotypes=30, length=LENGTH, recombination=20 * RATE, seed=4)


def tight(arrays, *, room):
    """The edges' array cut short at first."""
    arrays = list(arrays)
    arrays[15] = arrays[15][: 150 * room]
    return tuple(arrays)


def test_what_cannot_be_is_refused_with_all_that_is_wrong():
    bad = Sweep(50_000, s=-1, final_frequency=0.3, start_frequency=0.4, end=-1, recurrence=2)
    with pytest.raises(InputError, match=r"s is -1.*start_frequency is 0.4.*end is -1.*recurrence is 2"):
        next(simulated(bad, CONSTANT, 1))
    with pytest.raises(InputError, match="final_frequency is 0"):
        next(simulated(Sweep(1, s=0.1, final_frequency=0), CONSTANT, 1))
    with pytest.raises(InputError, match="outside the region"):
        next(simulated(Sweep(50_000, s=0.1), CONSTANT, 1))
    with pytest.raises(InputError, match="too few haplotypes"):
        next(simulated(Sweep(5, s=0.1), CONSTANT, 1, haplotypes=1))
    with pytest.raises(InputError, match="recombination rate"):
        next(simulated(Sweep(5, s=0.1), CONSTANT, 1, recombination=-1e-8))
    with pytest.raises(InputError, match=r"below 1.*do not begin at 0"):
        next(simulated(Sweep(5, s=0.1), SizeHistory.of((5, 0.5)), 1))
    with pytest.raises(InputError, match="1 sizes and 0 epochs"):
        next(simulated(Sweep(5, s=0.1), SizeHistory(np.ones(1), np.zeros(0)), 1))


# ---- histories ----


def test_a_line_of_demes_is_a_history():
    demes = pytest.importorskip("demes")
    builder = demes.Builder()
    builder.add_deme("old", epochs=[{"start_size": 7000, "end_time": 500}])
    builder.add_deme("other", ancestors=["old"], epochs=[{"start_size": 50}])
    epochs = [{"start_size": 300, "end_time": 100}, {"start_size": 900}]
    builder.add_deme("new", ancestors=["old"], epochs=epochs)
    history = SizeHistory.from_demes(builder.resolve(), "new")
    assert history.starts.tolist() == [0, 100, 500] and history.sizes.tolist() == [900, 300, 7000]
    assert [history.at(time) for time in (0, 99, 100, 1e6)] == [900, 900, 300, 7000]
    with pytest.raises(InputError, match="no such deme"):
        SizeHistory.from_demes(builder.resolve(), "gone")
    builder.add_pulse(sources=["other"], dest="new", proportions=[0.1], time=50)
    with pytest.raises(InputError, match="without gene flow"):
        SizeHistory.from_demes(builder.resolve(), "new")


def test_growth_becomes_steps_that_keep_the_rate_of_coalescence():
    demes = pytest.importorskip("demes")
    builder = demes.Builder()
    builder.add_deme("a", epochs=[{"start_size": 100, "end_time": 50}, {"start_size": 100, "end_size": 2000}])
    history = SizeHistory.from_demes(builder.resolve(), "a", steps=5)
    assert history.starts.tolist() == [0, 10, 20, 30, 40, 50] and history.sizes[-1] == 100
    times = np.linspace(0, 50, 100_001)
    inverse = 1 / (2000 * np.exp(-np.log(20) / 50 * times))
    for start, size in zip(history.starts[:5], history.sizes):
        inside = (times >= start) & (times <= start + 10)
        assert 1 / size == pytest.approx(inverse[inside].mean(), rel=1e-3)
    linear = builder.resolve().asdict()
    linear["demes"][0]["epochs"][1]["size_function"] = "linear"
    with pytest.raises(InputError, match="linear sizes"):
        SizeHistory.from_demes(demes.Builder.fromdict(linear).resolve(), "a")


# ---- other simulators ----


def msprime_hard(sweep, number):
    bound = 1 / (2 * SIZE)
    models = [
        msprime.StandardCoalescent(duration=sweep.end),
        msprime.SweepGenicSelection(
            position=sweep.position, start_frequency=bound, end_frequency=1 - bound, s=sweep.s, dt=bound / 20
        ),
        msprime.StandardCoalescent(),
    ]
    for seed in range(number):
        yield msprime.sim_ancestry(
            20,
            population_size=SIZE,
            sequence_length=LENGTH,
            recombination_rate=RATE,
            model=models,
            random_seed=seed + 1,
        )


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [100, 500])
def test_hard_sweeps_equal_msprimes(alpha):
    sweep = scaled(0.005, alpha)
    ours = [summary(ts, seed) for seed, ts in enumerate(simulated(sweep, CONSTANT, 600))]
    theirs = [summary(ts, seed) for seed, ts in enumerate(msprime_hard(sweep, 600))]
    agree(ours, theirs, level=0.01)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("name", list(SCENARIOS))
def test_sweeps_equal_discoals(reference_dir, name):
    recorded = pd.read_csv(reference_dir / "discoal" / f"{name}.csv.gz", comment="#")[["segsites", "pi", "h12"]]
    ours = [summary(ts, seed) for seed, ts in enumerate(simulated(*SCENARIOS[name], 300))]
    agree(ours, recorded.to_numpy(), level=0.01)
