"""Statistics of encoded regions against one region at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from chiasma.stats.popgen.sites import haplotype_counts, r_squared, site_diversity, tajimas_d
from chiasma.stats.region_statistics import LD_EDGES, NAMES, region_statistics


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
