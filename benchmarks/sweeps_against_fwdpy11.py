"""Sweeps against forward simulation by fwdpy11: means, Kolmogorov-Smirnov distances.

N of 500 diploids, 20 haplotypes, theta = rho = 40, N s = 40. Each forward replicate says at what frequency its allele
started and ended and how long ago the size changed; the replicate of `simulate_sweep` beside it is given the same.
fwdpy11 is no dependency of chiasma: `pip install fwdpy11`.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/sweeps_against_fwdpy11.py REPLICATES
"""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import demes
import fwdpy11
import msprime
import numpy as np
import pandas as pd
from scipy import stats

from chiasma.core.rng import derive_seed, generator
from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep
from chiasma.stats.popgen.sites import haplotype_counts, site_diversity, tajimas_d

SIZE, LENGTH, HAPLOTYPES = 500, 2e4, 20
RATE = 40 / (4 * SIZE * LENGTH)
S = 40 / SIZE
SITE = LENGTH / 2
STATISTICS = ("segsites", "pi", "tajima_d", "n_haplotypes", "h12", "pi_middle", "meeting", "meeting_middle")
"""The last two are of the ancestry itself: generations back to where two haplotypes meet, on average."""
_LONGEST = 5000.0
"""Generations: a tree with more branches than this that a standing allele may have arisen on counts as one with this
(see `standing`; the mean is 430, and 1 tree of 700 had more)."""
_COURSES = 1000
"""Courses tried from one burnt-in population."""


@dataclass(frozen=True)
class Scenario:
    """How forward replicates start and end.

    Attributes:
        start: copies of the allele when selection begins, from and to; (1, 1) for a new mutation.
        end: frequency at whose first passage the sample is drawn.
        change: size from then on and the latest generation, counted from the start, at which it changes (the
            generation is uniform: looking back from the change, each time of the start is as likely).
        since: generations ago that the change must lie, from and to; other courses are drawn again.
    """

    start: tuple[int, int]
    end: float
    change: tuple[int, int] | None = None
    since: tuple[int, int] = (0, 0)


SCENARIOS = {
    "soft": Scenario((90, 110), 1.0),
    "partial": Scenario((1, 1), 0.6),
    "soft_growth": Scenario((90, 110), 0.9, change=(3 * SIZE, 130), since=(30, 70)),
}


@dataclass(frozen=True)
class Realised:
    """What a forward replicate did."""

    start: float
    end: float
    since: int
    ancestry: Any


def burnt_in(seed: int) -> Any:
    """Ancestry of the whole population without selection: Wright and Fisher's model, then the coalescent."""
    return msprime.sim_ancestry(
        SIZE,
        population_size=SIZE,
        sequence_length=LENGTH,
        recombination_rate=RATE,
        discrete_genome=False,
        model=[msprime.DiscreteTimeWrightFisher(duration=40), msprime.StandardCoalescent()],
        random_seed=seed,
    )


def standing(ts: Any, copies: tuple[int, int], rng: np.random.Generator) -> int | None:
    """Copies of a neutral allele at SITE, drawn from the branches with so many descendants by their lengths.

    A tree is taken in proportion to the length of such branches, as mutation would; None where it is not, or where
    fwdpy11, which is told the copies and not the branch, could choose another.
    """
    tree = ts.at(SITE)
    counts = np.array([tree.num_samples(u) for u in tree.nodes()])
    lengths = np.array([tree.branch_length(u) for u in tree.nodes()])
    lengths[(counts < copies[0]) | (counts > copies[1])] = 0
    if rng.random() * _LONGEST >= lengths.sum():
        return None
    chosen = int(counts[rng.choice(len(counts), p=lengths / lengths.sum())])
    return chosen if (counts == chosen).sum() == 1 else None


def forward(scenario: Scenario, seed: int) -> Realised | None:
    """A replicate of fwdpy11, with courses drawn until one meets the conditions; None where the tree is not taken."""
    rng = generator(seed, "forward")
    ts = burnt_in(derive_seed(seed, "burn-in"))
    copies = 1 if scenario.start == (1, 1) else standing(ts, scenario.start, rng)
    if copies is None:
        return None
    for attempt in range(_COURSES):
        changed = int(rng.integers(0, scenario.change[1])) if scenario.change else 0
        pop = fwdpy11.DiploidPopulation.create_from_tskit(ts)
        draws = fwdpy11.GSLrng(derive_seed(seed, "fwdpy11", attempt) % 2**31)
        # half the advantage, additive, on fwdpy11's scale of 1, 1 + hs, 1 + 2s
        data = fwdpy11.NewMutationData(effect_size=S / 2, dominance=1.0)
        window = (SITE, SITE + 1e-6)
        if pop.add_mutation(draws, window=window, ndescendants=copies, data=data) is None:
            return None
        frequency = evolve(pop, draws, scenario, changed)
        since = pop.generation - changed
        if frequency > 0 and (scenario.change is None or scenario.since[0] <= since <= scenario.since[1]):
            break
    else:
        return None
    ancestry = pop.dump_tables_to_tskit()
    present = np.flatnonzero(ancestry.nodes_time[ancestry.samples()] == 0)
    sample = ancestry.samples()[rng.choice(present, HAPLOTYPES, replace=False)]
    return Realised(copies / (2 * SIZE), frequency, since, ancestry.simplify(sample, filter_sites=False))


def evolve(pop: Any, draws: Any, scenario: Scenario, changed: int) -> float:
    """Run until the allele is lost or has passed the last frequency; returns its frequency."""
    most = 3000
    builder = demes.Builder()
    first = [{"start_size": SIZE, "end_time": most - changed}] if scenario.change else []
    last = scenario.change[0] if scenario.change else SIZE
    builder.add_deme("one", epochs=[*first, {"start_size": last, "end_time": 0}])
    demography = fwdpy11.ForwardDemesGraph.from_demes(
        builder.resolve(), burnin=changed if scenario.change else most, burnin_is_exact=True
    )
    params = fwdpy11.ModelParams(
        rates=(0, 0, None),
        recregions=[fwdpy11.PoissonInterval(0, LENGTH, RATE * LENGTH)],
        gvalue=fwdpy11.Multiplicative(2.0),
        demography=demography,
        simlen=most,
    )
    now = [0.0]

    def done(pop: Any, _: Any) -> bool:
        carriers = sum(g.n for g in pop.haploid_genomes if g.n > 0 and len(g.smutations) > 0)
        now[0] = carriers / (2 * pop.N)
        return now[0] == 0 or now[0] >= scenario.end

    fwdpy11.evolvets(draws, pop, params, 50, stopping_criterion=done)
    return now[0]


def backward(realised: Realised, scenario: Scenario, seed: int) -> Any:
    """The replicate of chiasma that goes with a forward one."""
    history = SizeHistory.constant(SIZE)
    if scenario.change:
        history = SizeHistory.of((0, scenario.change[0]), (realised.since, SIZE))
    standing_at = realised.start if scenario.start != (1, 1) else 0.0
    sweep = Sweep(SITE, S, final_frequency=realised.end, start_frequency=standing_at)
    return simulate_sweep(sweep, history, haplotypes=HAPLOTYPES, length=LENGTH, recombination=RATE, seed=seed)


def summary(ts: Any, seed: int) -> list[float]:
    """The STATISTICS of an ancestry, with neutral mutations alone."""
    meeting = ts.diversity(mode="branch") / 2
    fifths = ts.diversity(mode="branch", windows=np.linspace(0, LENGTH, 6)) / 2
    tables = ts.dump_tables()
    tables.sites.clear()
    tables.mutations.clear()
    ts = msprime.sim_mutations(
        tables.tree_sequence(),
        rate=RATE,
        random_seed=seed,
        discrete_genome=False,
        model=msprime.BinaryMutationModel(),
    )
    alleles = np.ascontiguousarray(ts.genotype_matrix().T.astype(np.int8))
    ones = alleles.sum(axis=0)
    use = (ones > 0) & (ones < len(alleles))
    alleles, place = np.ascontiguousarray(alleles[:, use]), ts.sites_position[use] / LENGTH
    frequency = haplotype_counts(alleles) / len(alleles)
    pi = site_diversity(alleles)
    h12 = frequency[:2].sum() ** 2 + (frequency[2:] ** 2).sum()
    middle = pi[(place >= 0.4) & (place < 0.6)].sum()
    return [alleles.shape[1], pi.sum(), tajimas_d(alleles), len(frequency), h12, middle, meeting, fifths[2]]


def pairs_of(name: str, number: int) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Statistics of so many replicates of chiasma and of fwdpy11, and what was conditioned on."""
    scenario, mine, theirs, found = SCENARIOS[name], [], [], []
    seed = spent = 0.0
    for seed in range(1000 * number):
        start = time.process_time()
        realised = forward(scenario, derive_seed(seed, name))
        spent += time.process_time() - start
        if realised is None:
            continue
        found.append((realised.start, realised.end, realised.since))
        theirs.append(summary(realised.ancestry, derive_seed(seed, name, "mutations") % 2**31))
        ancestry = backward(realised, scenario, derive_seed(seed, name, "backward"))
        mine.append(summary(ancestry, derive_seed(seed, name, "others") % 2**31))
        if len(found) == number:
            break
    start, end, since = np.mean(found, axis=0)
    facts = {"attempts": seed + 1, "start": start, "end": end, "since": since, "cpu_forward": spent}
    return (*(pd.DataFrame(rows, columns=list(STATISTICS)) for rows in (mine, theirs)), facts)


def main() -> None:
    warnings.simplefilter("ignore")
    number = int(sys.argv[1])
    print("| scenario | statistic | chiasma | fwdpy11 | difference, 95 % interval | KS distance | p |")
    print("|---|---|---|---|---|---|---|")
    facts = {}
    for name in sys.argv[2:] or SCENARIOS:
        mine, theirs, facts[name] = pairs_of(name, number)
        for statistic in STATISTICS:
            a, b = mine[statistic].dropna(), theirs[statistic].dropna()
            test = stats.ks_2samp(a, b)
            errors = a.std() / len(a) ** 0.5, b.std() / len(b) ** 0.5
            means = f"{a.mean():.3f} ± {errors[0]:.3f} | {b.mean():.3f} ± {errors[1]:.3f}"
            gap, half = a.mean() - b.mean(), 1.96 * float(np.hypot(*errors))
            between = f"{gap:.3f} ({gap - half:.3f} to {gap + half:.3f})"
            print(
                f"| {name} | {statistic} | {means} | {between} | {test.statistic:.3f} | {test.pvalue:.3f} |", flush=True
            )
    print(pd.DataFrame(facts).T.round(3).to_string(), file=sys.stderr)


if __name__ == "__main__":
    main()
