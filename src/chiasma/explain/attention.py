"""Attention maps of models that show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.explain.onehot import batches, device_of, evaluating, one_hot, require_codes

_MOST_PROFILED = 500


def attention_maps(model: Any, codes: np.ndarray, *, batch_size: int = 64) -> list[np.ndarray]:
    """Attention of each layer, averaged over heads: (sequence, query, key) for each layer.

    Args:
        model: has `attention(one_hot)`, one tensor (batch, head, query, key) or a sequence of them, one a layer.
        codes: uint8 (sequence, position).
        batch_size: sequences in one pass.

    Raises:
        UsageError: the model shows no attention.
    """
    found = [[layer.mean(axis=1) for layer in layers] for layers in _passes(model, codes, batch_size)]
    return [np.concatenate(layer) for layer in zip(*found)]


def shows_attention(model: Any) -> bool:
    """Whether a model lets its attention be looked at."""
    return callable(getattr(model, "attention", None))


def attention_profile(model: Any, codes: np.ndarray, *, batch_size: int = 32) -> dict[str, np.ndarray]:
    """Where each head of each layer looks, mean over at most 500 sequences and over queries.

    Args:
        model: as in `attention_maps`.
        codes: uint8 (sequence, position).
        batch_size: sequences in one pass.

    Returns:
        Columns (row,): layer and head from 1; axis, "distance" of the key from the query or "key" for its own place;
        at, in bases, tokens of several bases counted by their first; attention, the mean weight.

    Raises:
        UsageError: the model shows no attention.
    """
    codes = require_codes(codes)[:_MOST_PROFILED]
    total: Any = 0
    for layers in _passes(model, codes, batch_size):
        total = total + np.stack(layers).sum(axis=1, dtype=float)  # (layer, head, query, key)
    mean = total / max(len(codes), 1)
    tokens = mean.shape[-1]
    width = max(1, codes.shape[1] // tokens)
    distances = np.arange(1 - tokens, tokens)
    by_distance = np.stack([mean.diagonal(offset, 2, 3).mean(axis=-1) for offset in distances], axis=-1)
    rows: list[tuple[int, int, str, int, float]] = []
    for axis, places, values in (("distance", distances, by_distance), ("key", np.arange(tokens), mean.mean(axis=2))):
        for (layer, head, at), value in np.ndenumerate(values):
            rows.append((layer + 1, head + 1, axis, int(places[at]) * width, float(value)))
    return {name: np.array(column) for name, column in zip(PROFILE_COLUMNS, zip(*rows), strict=True)}


PROFILE_COLUMNS = ("layer", "head", "axis", "at", "attention")


def _passes(model: Any, codes: np.ndarray, batch_size: int) -> Iterator[list[np.ndarray]]:
    """Attention of each layer (sequence, head, query, key), batch by batch."""
    import torch

    if not shows_attention(model):
        raise UsageError(
            "this model shows no attention", got=type(model).__name__, expected="a method attention(one_hot)"
        )
    codes = require_codes(codes)
    with evaluating(model), torch.no_grad():
        for rows in batches(len(codes), batch_size):
            maps = model.attention(one_hot(codes[rows], device=device_of(model)))
            maps = [maps] if isinstance(maps, torch.Tensor) and maps.ndim == 4 else list(maps)
            yield [(item if item.ndim == 4 else item[:, None]).cpu().numpy() for item in maps]


def rollout(maps: list[np.ndarray], *, residual: float = 0.5) -> np.ndarray:
    """Attention through all layers (sequence, query, key): product of the maps, each mixed with the identity.

    Source: Abnar & Zuidema 2020, "Quantifying attention flow in transformers"; `residual` is the identity's share.
    """
    total = np.broadcast_to(np.eye(maps[0].shape[-1]), maps[0].shape)
    for layer in maps:
        mixed = (1 - residual) * layer + residual * np.eye(layer.shape[-1])
        total = mixed / mixed.sum(axis=-1, keepdims=True) @ total
    return total


def attended(maps: list[np.ndarray]) -> np.ndarray:
    """How much each key position is attended to in the end, mean over queries (sequence, key)."""
    return rollout(maps).mean(axis=1)
