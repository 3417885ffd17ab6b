from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings, strategies as st

from chiasma.nn.attention_pool import AttentionPool
from chiasma.nn.relative_attention import AttentionSize, RelativeAttention, TransformerBlock
from chiasma.nn.relative_basis import borzoi_basis, enformer_basis
from chiasma.nn.rotary_attention import RotaryAttention


def attention(tokens_channels: int = 6, *, features: int = 12, heads: int = 2) -> RelativeAttention:
    torch.manual_seed(1)
    size = AttentionSize(heads, 3, 5)
    layer = RelativeAttention(
        tokens_channels, size, features=features, basis=partial(enformer_basis, features=features)
    )
    torch.nn.init.normal_(layer.output.weight)
    return layer.eval()


def slow_weights(layer: RelativeAttention, x: torch.Tensor) -> torch.Tensor:
    """The formula, a pair of positions at a time."""
    batch, tokens, _ = x.shape
    heads, key, _ = layer.size
    basis = layer.basis(tokens)
    weights = torch.empty(batch, heads, tokens, tokens)
    for b in range(batch):
        for h in range(heads):
            part = slice(h * key, (h + 1) * key)
            for i in range(tokens):
                q = (layer.query.weight[part] @ x[b, i]) / key**0.5
                logits = []
                for j in range(tokens):
                    k = layer.key.weight[part] @ x[b, j]
                    r = layer.distance.weight[part] @ basis[j - i + tokens - 1]
                    u, v = layer.content_bias[0, h, 0], layer.distance_bias[0, h, 0]
                    logits.append((q + u) @ k + (q + v) @ r)
                weights[b, h, i] = torch.stack(logits).softmax(0)
    return weights


@torch.no_grad()
@pytest.mark.parametrize("tokens", [1, 2, 7])
def test_weights_equal_the_formula(tokens: int) -> None:
    layer = attention()
    x = torch.randn(2, tokens, 6, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(layer.weights(x), slow_weights(layer, x), atol=1e-6, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("tokens", "rows"), [(1, 4), (9, 1), (9, 4), (12, 4), (13, 4)])
def test_output_is_the_weighted_value_however_queries_are_grouped(
    tokens: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chiasma.nn.relative_attention._ROWS", rows)
    layer = attention()
    x = torch.randn(2, tokens, 6, generator=torch.Generator().manual_seed(3))
    value = layer.value(x).unflatten(2, (2, -1)).transpose(1, 2)
    expected = layer.output((slow_weights(layer, x) @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.realdata
def test_basis_equals_the_table_of_the_released_model(data_dir: Path) -> None:
    """As far as single precision goes: the narrowest densities differ most, by 2.0e-3 where they are steepest."""
    table = torch.load(data_dir / "sequence/enformer/tf_gammas.pt", weights_only=True)
    ours = enformer_basis(1536, 192)[:, 64:96]
    assert ours.shape == table.shape
    assert (ours - table).abs().max() < 2.1e-3 and (ours - table).abs().mean() < 4e-6


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 300))
def test_basis_at_any_length(length: int) -> None:
    basis = enformer_basis(length, 24)
    even, odd = basis[:, :12], basis[:, 12:]
    sign = torch.arange(-length + 1, length).sign()[:, None]
    torch.testing.assert_close(even, even.flip(0))
    torch.testing.assert_close(odd, sign * even)
    gamma = even[:, 8:]
    assert basis.shape == (2 * length - 1, 24) and torch.isfinite(basis).all()
    torch.testing.assert_close(gamma.amax(0), torch.ones(4)), "each density reaches 1 somewhere"
    assert (even >= 0).all() and (even <= 1).all()


def test_masks_of_borzoi_widen_geometrically_to_the_whole() -> None:
    basis = borzoi_basis(64, 8, 64)
    covered = basis[:, :4].sum(0)  # 2 |d| - 1 positions within the width
    growth = 65 ** (1 / 4)
    expected = [2 * torch.tensor(growth**k - 1).ceil().item() - 1 for k in range(1, 5)]
    assert covered.tolist() == pytest.approx(expected)
    assert (borzoi_basis(32, 8, 64)[:, 3] == 1).all()


@torch.no_grad()
@pytest.mark.parametrize("positions", [1, 2, 7, 8])
def test_attention_pool_is_a_softmax_over_pairs(positions: int) -> None:
    torch.manual_seed(1)
    pool = AttentionPool(5)
    torch.testing.assert_close(pool.logits.weight[:, :, 0], 2 * torch.eye(5))
    torch.nn.init.normal_(pool.logits.weight)
    x = torch.randn(2, 5, positions)
    expected = []
    for start in range(0, positions, 2):
        pair = x[:, :, start : start + 2]
        weight = torch.einsum("oi,bip->bop", pool.logits.weight[:, :, 0], pair).softmax(dim=2)
        expected.append((pair * weight).sum(dim=2))
    torch.testing.assert_close(pool(x), torch.stack(expected, dim=2), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_rotary_attention_equals_complex_rotation() -> None:
    torch.manual_seed(1)
    layer = RotaryAttention(16, heads=4, groups=2, rotated=2, base=100.0).eval()
    torch.nn.init.normal_(layer.output.weight)
    x = torch.randn(1, 6, 16)
    projected = layer.projection(x)[0]  # (token, (4 + 2 + 2) * 4)
    heads = projected.reshape(6, 8, 4)
    turn = torch.polar(torch.ones(6), torch.arange(6.0))  # base to the power 0

    def rotate(part: torch.Tensor) -> torch.Tensor:
        pair = torch.complex(part[:, 0], part[:, 1]) * turn
        return torch.stack([pair.real, pair.imag, part[:, 2], part[:, 3]], dim=1)

    mixed = []
    for head in range(4):
        query, key, value = rotate(heads[:, head]), rotate(heads[:, 4 + head // 2]), heads[:, 6 + head // 2]
        mixed.append((query @ key.T / 2).softmax(dim=1) @ value)
    torch.testing.assert_close(layer(x)[0], layer.output(torch.cat(mixed, dim=1)), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_fresh_block_leaves_attention_out() -> None:
    """The output projection begins at 0, as in the originals."""
    torch.manual_seed(1)
    size = AttentionSize(2, 3, 4)
    layer = RelativeAttention(8, size, features=12, basis=partial(enformer_basis, features=12))
    block = TransformerBlock(layer, 8, dropout=0.5).eval()
    x = torch.randn(2, 5, 8)
    hidden = torch.relu(block.expand(block.before_network(x)))
    torch.testing.assert_close(block(x), x + block.contract(hidden))
