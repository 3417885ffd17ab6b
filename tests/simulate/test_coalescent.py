import numpy as np
import pytest

from chiasma.simulate.coalescent import DESIGNS, draw_parameters, simulate_trees

msprime = pytest.importorskip("msprime")


@pytest.mark.parametrize("name", list(DESIGNS))
def test_an_address_always_gives_the_same(name):
    design = DESIGNS[name]
    few = tuple(4 for _ in design.haplotypes)
    one, two, other = (simulate_trees(design, 7, index, haplotypes=few) for index in (3, 3, 4))
    assert one.tables.equals(two.tables, ignore_provenance=True)
    assert not one.tables.equals(other.tables, ignore_provenance=True)
    assert one.num_samples == sum(few) and one.sequence_length == design.length


def test_recombination_prior_is_flagels():
    design = DESIGNS["recombination"]
    drawn = [draw_parameters(design, 1, index) for index in range(4000)]
    sizes, counts = np.unique([p["size"] for p in drawn], return_counts=True)
    assert sizes.tolist() == [1e3, 2e3, 5e3, 1e4, 1.5e4, 2e4, 5e4] and counts.min() > 480
    log_rate = np.log10([p["rate"] for p in drawn])
    assert -8 <= log_rate.min() < -7.99 and -6.01 < log_rate.max() <= -6 and abs(log_rate.mean() + 7) < 0.05
    p = drawn[0]
    assert p["rho"] == pytest.approx(4 * p["size"] * p["rate"] * 20_001)
    assert np.mean([p["theta"] > 3 for p in drawn]) == pytest.approx(5 / 7, abs=0.03)


def test_diversity_is_theta():
    design = DESIGNS["recombination"]
    ratio = []
    for index in range(60):
        theta = draw_parameters(design, 5, index)["theta"]
        ts = simulate_trees(design, 5, index, haplotypes=(10,))
        ratio.append(float(ts.diversity(span_normalise=False)) / theta)
    assert np.mean(ratio) == pytest.approx(1, abs=0.2)


def test_genes_flow_the_way_the_label_says():
    design = DESIGNS["introgression"]
    for index in range(30):
        parameters = draw_parameters(design, 2, index)
        ancestry = simulate_trees(design, 2, index, haplotypes=(6, 6))
        one, two = (ancestry.samples(population=p) for p in (0, 1))
        coalesced = ancestry.nodes_time[[tree.mrca(*one, *two) for tree in ancestry.trees()]]
        assert (coalesced >= 0).all()
        recent = any(
            tree.time(tree.mrca(a, b)) < parameters["split"] for tree in ancestry.trees() for a in one for b in two
        )
        assert recent == bool(parameters["label"]) or (parameters["label"] and not recent)
    history = design.history({**parameters, "label": 1.0}, (6, 6))
    pulse = next(event for event in history["demography"].events if isinstance(event, msprime.MassMigration))
    assert (pulse.source, pulse.dest) == ("two", "one")  # backwards in time: genes of two come from one
