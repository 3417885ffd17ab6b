"""Painted chromosomes against a forward simulation of every individual, and against msprime's census."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import InputError
from chiasma.core.rng import generator
from chiasma.data.tracts import Tracts
from chiasma.simulate.admixture import Admixture, add_source_history, allele_path, local_ancestry, simulate_admixture
from chiasma.simulate.sweeps import SizeHistory

msprime = pytest.importorskip("msprime")

LOCI = np.linspace(0, 1e8, 41)
"""A Morgan at 1e-8; the selected site is the locus of index 10."""
PULSE = Admixture(12, 0.4, LOCI[10], s=0.4)
FEW = SizeHistory.of((0, 100), (6, 150))


def sample(seed, admixture=PULSE, history=FEW, **more):
    arguments = {"haplotypes": 30, "length": 1e8 + 1, "recombination": 1e-8, **more}
    return simulate_admixture(admixture, history, seed=seed, **arguments)


def forward(admixture, history, rng):
    """Sources of all haplotypes at LOCI (haplotype, locus): every individual of every generation."""
    size = int(history.at(admixture.generations))
    founders = np.where(np.arange(2 * size) < round(2 * size * admixture.share), 0, 1)
    painted = np.repeat(founders[:, None], len(LOCI), axis=1)
    rng.shuffle(painted)
    switch = 0.5 * (1 - np.exp(-2 * np.diff(LOCI) * 1e-8))  # Haldane
    for ago in range(admixture.generations - 1, -1, -1):
        allele = painted[:, 10] == 0
        fitness = 1 + admixture.s / 2 * (allele[0::2].astype(int) + allele[1::2])
        children = int(2 * history.at(ago))
        parent = rng.choice(len(fitness), children, p=fitness / fitness.sum())
        strand = np.empty((children, len(LOCI)), int)
        strand[:, 0] = rng.integers(0, 2, children)
        crossed = rng.random((children, len(LOCI) - 1)) < switch
        strand[:, 1:] = (strand[:, :1] + np.cumsum(crossed, axis=1)) % 2
        painted = painted[2 * parent[:, None] + strand, np.arange(len(LOCI))]
    return painted


def test_tracts_are_those_of_a_forward_simulation():
    rng = generator(1, "forward")
    theirs = [forward(PULSE, FEW, rng) for _ in range(80)]
    ours = [sample(seed).tracts.at(LOCI) for seed in range(160)]
    means = [np.array([(painted == 0).mean(axis=0) for painted in group]) for group in (ours, theirs)]
    error = np.sqrt(sum(mean.var(axis=0) / len(mean) for mean in means))
    difference = np.abs(means[0].mean(axis=0) - means[1].mean(axis=0))
    assert (difference < 4 * error).all() and error.max() < 0.02
    assert means[0].mean(axis=0).argmax() == 10  # at the selected site
    switches = [[(np.diff(painted, axis=1) != 0).sum(axis=1).mean() for painted in group] for group in (ours, theirs)]
    assert np.mean(switches[0]) == pytest.approx(np.mean(switches[1]), rel=0.04)


def test_the_allele_rises_as_expected():
    # many diploids: logit x grows by ln(1 + s/2) a generation, for the fitness 1, 1 + s/2, 1 + s nearly
    path = allele_path(Admixture(40, 0.2, 0.0, s=0.05), SizeHistory.constant(1e6), generator(2, "path"))
    logit = np.log(path / (1 - path))
    assert path[0] == 0.2 and len(path) == 41
    assert logit[-1] - logit[0] == pytest.approx(40 * 0.025, rel=0.06)


def test_a_sample_is_painted_whole_and_once():
    one, two, other = sample(3), sample(3), sample(4)
    tracts = one.tracts
    assert tracts.problems() == [] and tracts.populations == ("one", "two") and tracts.n_haplotypes == 30
    np.testing.assert_allclose(tracts.shares().sum(axis=1), 1)
    for name in ("haplotype", "left", "right", "source"):
        assert np.array_equal(getattr(tracts, name), getattr(two.tracts, name))
    assert len(tracts) != len(other.tracts) or not np.array_equal(tracts.right, other.tracts.right)
    assert one.frequency > 0.4
    carriers = (tracts.at(LOCI[[10]]) == 0).mean()
    assert carriers == pytest.approx(one.frequency, abs=0.35)


def test_an_allele_of_both_sources_does_not_tell_them_apart():
    shared = Admixture(12, 0.4, LOCI[10], s=0.4, frequencies=(0.5, 0.5))
    share = np.mean([sample(seed, shared).tracts.shares()[:, 0].mean() for seed in range(60)])
    assert share == pytest.approx(0.4, abs=0.03)


def test_a_lost_allele_and_few_founders_are_no_trouble():
    lost = Admixture(20, 0.05, LOCI[10])
    frequencies = []
    for seed in range(20):
        admixed = sample(seed, lost, SizeHistory.constant(5), haplotypes=8)
        assert admixed.tracts.problems() == []
        frequencies.append(admixed.frequency)
        if admixed.frequency in (0.0, 1.0):
            assert (admixed.tracts.at(LOCI[[10]]) == 1 - admixed.frequency).all()
    assert 0.0 in frequencies


def test_founders_go_on_into_their_sources():
    admixed = sample(5, haplotypes=10, length=1e6, admixture=Admixture(12, 0.5, 5e5))
    whole = add_source_history(admixed, sizes=(1000, 2000, 5000), split=4000, recombination=1e-8, seed=2)
    assert all(tree.num_roots == 1 for tree in whole.trees())
    again = local_ancestry(whole, 12.0, populations=("one", "two"))
    assert np.array_equal(again.left, admixed.tracts.left) and np.array_equal(again.source, admixed.tracts.source)
    painted = admixed.tracts.at(np.array([3e5]))[:, 0]
    tree = whole.at(3e5)
    a, b = np.flatnonzero(painted == 0)[0], np.flatnonzero(painted == 1)[0]
    assert tree.tmrca(a, b) > 4000
    with pytest.raises(InputError, match="split after they met"):
        add_source_history(admixed, sizes=(1, 1, 1), split=5, recombination=0, seed=1)


def test_a_census_of_msprime_is_read_as_tracts():
    demography = msprime.Demography()
    for name in ("a", "b", "mixed"):
        demography.add_population(name=name, initial_size=500)
    demography.add_admixture(time=20, derived="mixed", ancestral=["a", "b"], proportions=[0.3, 0.7])
    demography.add_census(time=20.5)
    demography.add_population_split(time=2000, derived=["b"], ancestral="a")
    arguments = {"demography": demography, "sequence_length": 1e7, "recombination_rate": 1e-8, "random_seed": 3}
    trees = msprime.sim_ancestry({"mixed": 20}, **arguments)
    tracts = local_ancestry(trees, 20.5, populations=("a", "b"))
    assert tracts.problems() == [] and tracts.n_haplotypes == 40
    assert tracts.shares()[:, 0].mean() == pytest.approx(0.3, abs=0.15)
    census = np.flatnonzero(trees.nodes_time == 20.5)
    for position in (0.0, 3_333_333.0, 9_999_999.0):
        tree = trees.at(position)
        for sample_node, source in zip(trees.samples(), tracts.at(np.array([position]))[:, 0]):
            node = sample_node
            while node not in census:
                node = tree.parent(node)
            assert trees.population(trees.node(node).population).metadata["name"] == "ab"[source]
    with pytest.raises(InputError, match="no ancestors at that time"):
        local_ancestry(trees, 21.0)
    with pytest.raises(InputError, match="not named"):
        local_ancestry(trees, 20.5, populations=("a",))


def test_what_cannot_be_is_refused_with_all_that_is_wrong():
    bad = Admixture(0, 1.5, 5.0, s=-1, frequencies=(2, 0))
    with pytest.raises(InputError, match=r"generations is 0.*share is 1.5.*s is -1.*frequencies are \(2, 0\)"):
        sample(1, bad)
    with pytest.raises(InputError, match="fixed or absent"):
        sample(1, Admixture(5, 0.5, 5.0, frequencies=(0, 0)))
    with pytest.raises(InputError, match="outside the region"):
        sample(1, Admixture(5, 0.5, 2e8))
    with pytest.raises(InputError, match="too few haplotypes"):
        sample(1, haplotypes=1)


# ---- the noun ----


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.lists(st.integers(1, 99), unique=True, max_size=6), st.integers(0, 4)),
        min_size=1,
        max_size=3,
        unique_by=lambda entry: entry[0],
    )
)
def test_joined_tracts_paint_as_their_pieces_do(entries):
    pieces = []
    truth = np.full((3, 100), -1)
    for row, breaks, seed in entries:
        edges = [0, *sorted(breaks), 100]
        for left, right, source in zip(edges, edges[1:], generator(seed, "s").integers(0, 2, len(edges))):
            pieces.append((row, left, right, source))
            truth[row, left:right] = source
    shuffled = generator(1, "o").permutation(np.array(pieces, float))
    tracts = Tracts.joined(shuffled, populations=("a", "b"), n_haplotypes=3, length=100)
    assert tracts.problems() == [] and np.array_equal(tracts.at(np.arange(100)), truth)
    np.testing.assert_allclose(tracts.shares()[:, 1], (truth == 1).mean(axis=1))
    neighbours = (tracts.haplotype[1:] == tracts.haplotype[:-1]) & (tracts.right[:-1] == tracts.left[1:])
    assert (tracts.source[1:] != tracts.source[:-1])[neighbours].all()


def test_faulty_tracts_are_told():
    tracts = Tracts(
        np.array([0, 0, 5]), np.array([0.0, 5, 8]), np.array([6.0, 5, 200]), np.array([0, 1, 9]), ("a", "b"), 2, 100.0
    )
    problems = "; ".join(tracts.problems())
    for words in ("outside the region", "not there", "unknown sources", "overlap"):
        assert words in problems
    empty = Tracts.joined(np.zeros((0, 4)), populations=("a",), n_haplotypes=2, length=10)
    assert len(empty) == 0 and empty.problems() == [] and (empty.at(np.array([1.0])) == -1).all()
