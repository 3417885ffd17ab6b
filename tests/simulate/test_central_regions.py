"""Central sites of simulated regions, as the discriminator reads them."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.encode.central_sites import central_range, code_central, encode_central
from chiasma.simulate.central_regions import decode_central, replicate_trees, sample_sets

msprime = pytest.importorskip("msprime")


def trees(number: int = 4, *, size: float = 10_000, seed: int = 1) -> list[object]:
    demography = msprime.Demography()
    demography.add_population(name="one", initial_size=size)
    rates = {"length": 50_000.0, "mutation_rate": 1.25e-8, "recombination_rate": 1.25e-8}
    return list(replicate_trees(demography, sample_sets(("one",), (30,)), number=number, seed=seed, **rates))


def slow(ts: object, sites: int, *, tell_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """As the fact sheet tells it: everything decoded, then cut."""
    alleles, positions = ts.genotype_matrix().T, np.rint(ts.sites_position)  # type: ignore[attr-defined]
    n, found = alleles.shape
    distances = np.diff(positions, prepend=positions[0]) / ts.sequence_length  # type: ignore[attr-defined]
    coded = np.array([[1 if a == (2 * c.sum() <= n) else -1 for a in c] for c in alleles.T]).T
    if found < sites:
        left = (sites - found) // 2
        pad = (left, sites - found - left)
        return np.pad(coded, ((0, 0), pad)), np.pad(distances, pad)
    low = found // 2 - sites // 2
    distances = distances[low : low + sites].copy()
    if not tell_first:
        distances[0] = 0
    return coded[:, low : low + sites], distances


@pytest.mark.parametrize("tell_first", [False, True])
@pytest.mark.parametrize("size", [10_000, 700])
def test_decoding_the_middle_gives_what_decoding_all_gives(size: int, tell_first: bool) -> None:
    for ts in trees(size=size):
        alleles, distances = decode_central(ts, sites=36, tell_first=tell_first)
        expected, between = slow(ts, 36, tell_first=tell_first)
        np.testing.assert_array_equal(alleles, expected)
        np.testing.assert_allclose(distances, between, atol=1e-7)
        assert (distances[np.flatnonzero(np.abs(alleles).any(axis=0))[0]] == 0) or tell_first


def test_replicates_follow_from_their_seed() -> None:
    one, same, other = trees(2), trees(2), trees(2, seed=2)
    np.testing.assert_array_equal(one[1].sites_position, same[1].sites_position)  # type: ignore[attr-defined]
    assert one[1].num_sites != other[1].num_sites or (one[1].sites_position != other[1].sites_position).any()  # type: ignore[attr-defined]


def test_diversity_is_that_of_the_size() -> None:
    found = [ts.diversity() for ts in trees(60)]  # type: ignore[attr-defined]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 4 * 10_000 * 1.25e-8) < 4 * error


def test_missing_alleles_are_zero_and_the_rarer_one_is_one() -> None:
    alleles = np.array([[0, 1, -1], [1, 1, 0], [0, 1, 1], [0, 0, 1]], np.int8)
    coded, distances = code_central(alleles, np.array([10.0, 20.4, 30.6]), 100, sites=5)
    expected = [[0, -1, -1, 0, 0], [0, 1, -1, 1, 0], [0, -1, -1, -1, 0], [0, -1, 1, -1, 0]]
    np.testing.assert_array_equal(coded, expected)
    np.testing.assert_allclose(distances, [0, 0, 0.1, 0.11, 0], atol=1e-6)


def test_an_example_is_its_central_segregating_sites() -> None:
    rng = np.random.default_rng(2)
    alleles = (rng.random((6, 40)) < 0.2).astype(np.int8)
    positions = np.sort(rng.random(40) * 1_000)
    varied = [i for i in range(40) if 0 < alleles[:, i].sum() < 6]
    first = len(varied) // 2 - 4
    assert len(varied) < 40 and first > 0
    inside = varied[first : first + 8]
    for tell_first in (False, True):
        before = positions[varied[first - 1]] if tell_first else None
        twin = code_central(alleles[:, inside], positions[inside], 1_000, sites=8, before=before)
        example = {"alleles": alleles, "positions": positions}
        codes, distances = encode_central(example, sites=8, length=1_000, tell_first=tell_first)
        np.testing.assert_array_equal(codes, twin[0])
        np.testing.assert_array_equal(distances, twin[1])
        assert (distances[0] > 0) == tell_first
    nothing = encode_central(
        {"alleles": alleles[:, :0], "positions": positions[:0]}, sites=8, length=1_000, tell_first=True
    )
    assert not nothing[0].any() and not nothing[1].any()


def test_the_centre() -> None:
    assert central_range(100, 36) == (32, 68) and central_range(37, 36) == (0, 36) and central_range(5, 36) == (0, 5)
