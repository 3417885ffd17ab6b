"""Attention maps of models that show them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.explain.onehot import batches, device_of, evaluating, one_hot, require_codes


def attention_maps(model: Any, codes: np.ndarray, *, batch_size: int = 64) -> list[np.ndarray]:
    """Attention of each layer, averaged over heads: (sequence, query, key) for each layer.

    Args:
        model: has `attention(one_hot)`, one tensor (batch, head, query, key) or a sequence of them, one a layer.
        codes: uint8 (sequence, position).
        batch_size: sequences in one pass.

    Raises:
        UsageError: the model shows no attention.
    """
    import torch

    if not callable(getattr(model, "attention", None)):
        raise UsageError(
            "this model shows no attention", got=type(model).__name__, expected="a method attention(one_hot)"
        )
    codes = require_codes(codes)
    layers: list[list[np.ndarray]] = []
    with evaluating(model), torch.no_grad():
        for rows in batches(len(codes), batch_size):
            maps = model.attention(one_hot(codes[rows], device=device_of(model)))
            maps = [maps] if isinstance(maps, torch.Tensor) and maps.ndim == 4 else list(maps)
            layers = layers or [[] for _ in maps]
            for layer, item in zip(layers, maps):
                layer.append((item.mean(dim=1) if item.ndim == 4 else item).cpu().numpy())
    return [np.concatenate(layer) for layer in layers]


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
