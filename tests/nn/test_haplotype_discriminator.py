"""The discriminator of pg-gan: its size, and that identical stretches computed once change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.nn.haplotype_discriminator import HaplotypeDiscriminator, logits
from chiasma.nn.haplotype_patterns import find_patterns, widths


def regions(seed: int, batch: int, rows: int, sites: int, *, missing: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Haplotypes that are mosaics of a few founders, as in a population; some columns are padding."""
    draw = np.random.default_rng(seed)
    founders = draw.integers(0, 2, (batch, 4, sites))
    which = draw.integers(0, 4, (batch, rows, 1)) + (np.arange(sites) > draw.integers(0, sites, (batch, rows, 1)))
    alleles = 2 * np.take_along_axis(founders, which % 4, axis=1) - 1
    alleles[draw.random(alleles.shape) < missing] = 0
    alleles[0, :, : sites // 4] = 0
    return alleles.astype(np.int8), draw.random((batch, sites)).astype(np.float32) / 50


@pytest.mark.parametrize(("populations", "parameters"), [(1, 76_577), (2, 76_577 + 49_152), (3, 76_577 + 98_304)])
def test_parameters_are_those_of_the_published_network(populations: int, parameters: int) -> None:
    model = HaplotypeDiscriminator((10,) * populations)
    assert sum(weights.numel() for weights in model.parameters()) == parameters


@pytest.mark.parametrize("sizes", [(30,), (12, 18), (8, 10, 12)])
def test_shared_stretches_give_what_every_haplotype_gives(sizes: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    model = HaplotypeDiscriminator(sizes).eval()
    alleles, distances = regions(2, 5, 30, 36, missing=0.01)
    fast = logits(model, alleles, distances)
    plain = model.dense(torch.from_numpy(alleles).float(), torch.from_numpy(distances))
    assert fast.std() > 0.01
    torch.testing.assert_close(fast, plain, atol=1e-5, rtol=1e-5)


def test_gradients_are_the_same() -> None:
    torch.manual_seed(1)
    model = HaplotypeDiscriminator((20, 10)).eval()
    alleles, distances = regions(3, 4, 30, 36)
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    found = []
    for output in (
        logits(model, alleles, distances),
        model.dense(torch.from_numpy(alleles).float(), torch.from_numpy(distances)),
    ):
        model.zero_grad()
        binary_cross_entropy_with_logits(output, y).backward()
        found.append({name: weights.grad.clone() for name, weights in model.named_parameters()})  # type: ignore[union-attr]
    for name, gradient in found[0].items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(gradient, found[1][name], atol=1e-5, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(16, 50), st.integers(2, 12))
def test_any_number_of_sites_and_haplotypes(seed: int, sites: int, rows: int) -> None:
    torch.manual_seed(seed)
    model = HaplotypeDiscriminator((rows,), sites=sites).eval()
    alleles, distances = regions(seed, 3, rows, sites, missing=0.1)
    plain = model.dense(torch.from_numpy(alleles).float(), torch.from_numpy(distances))
    torch.testing.assert_close(logits(model, alleles, distances), plain, atol=1e-5, rtol=1e-4)


def test_patterns_against_a_slow_count() -> None:
    """Every distinct stretch of 16 sites appears once at its place, with its haplotypes counted by population."""
    alleles, _ = regions(5, 3, 14, 36, missing=0.02)
    sizes = (6, 8)
    found = find_patterns(alleles, sizes)
    expected: dict[tuple[int, bytes], list[int]] = {}
    for region in range(3):
        for column in range(6):
            for row in range(14):
                stretch = alleles[region, row, 4 * column : 4 * column + 16].astype(np.int8).tobytes()
                expected.setdefault((region * 6 + column, stretch), [0, 0])[int(row >= 6)] += 1
    got = {}
    for place, parts, counts in zip(found.long_at, found.long, found.counts):
        whole = np.concatenate([found.short[parts[k]][:2] for k in range(5)] + [found.short[parts[5]]])
        got[int(place), whole.astype(np.int8).tobytes()] = counts.astype(int).tolist()
    assert got == expected


def test_haplotypes_of_a_population_have_no_order() -> None:
    torch.manual_seed(1)
    model = HaplotypeDiscriminator((5, 7)).eval()
    alleles, distances = regions(1, 3, 12, 36)
    order = np.concatenate([np.random.default_rng(1).permutation(5), 5 + np.random.default_rng(2).permutation(7)])
    one, two = logits(model, alleles, distances), logits(model, alleles[:, order], distances)
    torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)
    assert (one - logits(model, alleles[:, ::-1], distances)).abs().max() > 1e-3


def test_what_cannot_be_read_is_refused() -> None:
    alleles, _ = regions(1, 2, 6, 36)
    with pytest.raises(ValueError, match="6 haplotypes"):
        find_patterns(alleles, (5,))
    with pytest.raises(ValueError, match="coded"):
        find_patterns(alleles * 3, (6,))
    with pytest.raises(ValueError, match="15 sites"):
        widths(15)
