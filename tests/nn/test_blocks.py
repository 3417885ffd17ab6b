from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.data.sequences import reverse_complement as reverse_complement_codes
from chiasma.nn.attention import AttentionBlock, SelfAttention, sinusoids
from chiasma.nn.blocks import BinnedHead, MotifScanner, ResidualConv
from chiasma.nn.onehot import one_hot, reverse_complement

CODES = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 4))


@settings(deadline=None)
@given(CODES)
def test_one_hot_is_the_obvious_loop(codes: np.ndarray) -> None:
    slow = np.zeros((codes.shape[0], 4, codes.shape[1]), np.float32)
    for row in range(codes.shape[0]):
        for position in range(codes.shape[1]):
            if codes[row, position] < 4:
                slow[row, codes[row, position], position] = 1
    fast = one_hot(torch.from_numpy(codes))
    assert fast.is_contiguous() and fast.dtype == torch.float32
    np.testing.assert_array_equal(fast.numpy(), slow)


@settings(deadline=None)
@given(CODES)
def test_other_strand_agrees_with_codes_and_is_its_own_inverse(codes: np.ndarray) -> None:
    x = one_hot(torch.from_numpy(codes))
    other = one_hot(torch.from_numpy(reverse_complement_codes(codes)))
    assert torch.equal(reverse_complement(x), other)
    assert torch.equal(reverse_complement(other), x)


def test_scanner_finds_the_best_position_of_each_bin() -> None:
    scanner = MotifScanner(1, width=3, pool=4)
    with torch.no_grad():
        scanner.scan.weight.copy_(torch.eye(4)[None, :, [2, 0, 3]])  # GAT
        scanner.scan.bias.fill_(-2.5)
    codes = torch.tensor([[0, 0, 2, 0, 3, 0, 0, 0, 1, 2, 0, 1]], dtype=torch.uint8)  # AAGATAAACGAC
    assert scanner(one_hot(codes)).tolist() == [[[0.5, 0.0, 0.0]]]


@pytest.mark.parametrize("activation", ["relu", "exp", "gelu"])
def test_shapes(activation: str) -> None:
    x = torch.rand(2, 4, 37)
    found = MotifScanner(6, width=5, pool=4, activation=activation)(x)  # type: ignore[arg-type]
    assert found.shape == (2, 6, 9)
    assert ResidualConv(6, width=3, dilation=4)(found).shape == found.shape
    head = BinnedHead(6, 3, bins=4, hidden=5)
    for positions in (1, 4, 9, 50):
        assert head(torch.rand(2, 6, positions)).shape == (2, 3)


@torch.no_grad()
def test_attention_is_the_formula_and_its_weights_are_what_it_used() -> None:
    torch.manual_seed(1)
    attention = SelfAttention(8, heads=2)
    x = torch.randn(3, 5, 8)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [False] + [True] * 4])
    weights = attention.weights(x, mask)
    assert weights.shape == (3, 2, 5, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 5))
    assert (weights.masked_select(~mask[:, None, None, :]) == 0).all()
    slow = torch.zeros(3, 5, 8)
    query, key, value = (part.reshape(3, 5, 2, 4) for part in attention.projection(x).split(8, dim=-1))
    for batch in range(3):
        for head in range(2):
            for here in range(5):
                scores = torch.tensor(
                    [
                        float(query[batch, here, head] @ key[batch, there, head]) / math.sqrt(4)
                        if mask[batch, there]
                        else -math.inf
                        for there in range(5)
                    ]
                )
                shares = scores.softmax(0)
                torch.testing.assert_close(shares, weights[batch, head, here])
                slow[batch, here, head * 4 : head * 4 + 4] = shares @ value[batch, :, head]
    torch.testing.assert_close(attention(x, mask), attention.output(slow))


def test_positions_are_told_apart_without_parameters() -> None:
    table = sinusoids(50, 8)
    assert table.shape == (50, 8) and sinusoids(3, 8).equal(table[:3])
    assert float(table[7, 0]) == pytest.approx(math.sin(7)) and float(table[7, 1]) == pytest.approx(math.cos(7))
    assert float(table[7, 6]) == pytest.approx(math.sin(7 / 10_000 ** (6 / 8)))
    assert torch.cdist(table, table).fill_diagonal_(1).min() > 0.05


def test_attention_block_keeps_its_shape() -> None:
    assert AttentionBlock(8, heads=4)(torch.rand(2, 5, 8)).shape == (2, 5, 8)
