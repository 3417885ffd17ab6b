"""Statistics of encoded regions against one region at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from chiasma.stats.popgen.sites import haplotype_counts, hudson_fst, r_squared, site_diversity, tajimas_d
from chiasma.stats.region_statistics import LD_EDGES, NAMES, region_statistics, statistic_names


def test_against_one_region_at_a_time() -> None:
    draw = np.random.default_rng(1)
    length, n, sites = 50_000.0, 14, 20
    minor = (draw.random((6, n, sites)) < draw.random((6, 1, sites)) * 0.6).astype(np.int8)
    minor[:, 0], minor[:, 1] = 1, 0
    flip = minor.sum(axis=1, keepdims=True) * 2 > n
    minor = np.where(flip, 1 - minor, minor)
    codes = (2 * minor - 1).astype(np.int8)
    distances = draw.integers(1, 3_000, (6, sites)) / length
    distances[:, 0] = 0
    codes[2, :, :3], distances[2, :4] = 0, 0
    found = region_statistics(codes, distances, length=length)
    assert found.shape == (6, len(NAMES))
    for index in range(6):
        use = (codes[index] != 0).any(axis=0)
        alleles, positions = minor[index][:, use], np.cumsum(distances[index][use]) * length
        counts = alleles.sum(axis=0)
        expected = {f"minor_{k}": (counts == k).sum() for k in range(10)}
        expected |= {"distance": np.diff(positions).mean(), "pi": site_diversity(alleles).sum()}
        expected |= {"haplotypes": len(haplotype_counts(alleles)), "tajima_d": tajimas_d(alleles)}
        r2 = r_squared(alleles.astype(float))
        first, second = np.triu_indices(len(positions), 1)
        apart = positions[second] - positions[first]
        for low, high in pairwise(LD_EDGES):
            inside = (apart >= low - 1e-6) & (apart < high - 1e-6)
            values = r2[first, second][inside]
            expected[f"r2_{int(low)}"] = values.mean() if len(values) else np.nan
        for name, value in zip(NAMES, found[index]):
            np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_populations_have_minor_alleles_of_their_own() -> None:
    draw = np.random.default_rng(2)
    length, sizes, sites = 50_000.0, (6, 9, 4), 24
    share = np.repeat(draw.random((5, 3, sites)), sizes, axis=1)
    codes = np.where(draw.random(share.shape) < share, 1, -1).astype(np.int8)
    codes[1, :, -2:] = 0
    distances = draw.integers(1, 3_000, (5, sites)) / length
    found = region_statistics(codes, distances, length=length, sizes=sizes)
    names = statistic_names(3)
    assert found.shape == (5, len(names)) and len(set(names)) == len(names)
    blocks = np.split(codes, [6, 15], axis=1)
    for number, block in enumerate(blocks):
        folded = np.where((block == 1).sum(axis=1, keepdims=True) * 2 > block.shape[1], -block, block)
        own = [names.index(f"pop{number}_{name}") for name in NAMES]
        np.testing.assert_array_equal(found[:, own], region_statistics(folded, distances, length=length))
        assert (found[:, own[0]] == [((abs(one.sum(axis=0)) == len(one)) & (one[0] != 0)).sum() for one in block]).all()
        with np.errstate(invalid="ignore"):
            twins = [tajimas_d((one[:, (one != 0).any(axis=0)] > 0).astype(np.int8)) for one in block]
        np.testing.assert_allclose(found[:, names.index(f"pop{number}_tajima_d")], twins, rtol=1e-6)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        expected = []
        for one, other in zip(blocks[first], blocks[second]):
            use = (one != 0).any(axis=0)
            expected.append(hudson_fst((one[:, use] > 0).astype(np.int8), (other[:, use] > 0).astype(np.int8)))
        np.testing.assert_allclose(found[:, names.index(f"fst_{first}{second}")], expected, rtol=1e-9)
