"""Pairs of models and the verdict in words."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Target
from chiasma.stats.compare import against_best, compare_all, verdict


def comparison(skills, *, n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    noise = rng.normal(size=n)
    scores = {}
    for name, skill in skills.items():
        p = 1 / (1 + np.exp(-(noise + 0.3 * rng.normal(size=n) + skill * (y - 0.5))))
        scores[name] = np.column_stack([1 - p, p])
    target = Target("binary", y, ("no", "yes"))
    return compare_all(target, scores, np.arange(n), unit_name="peak", seed=1, draws=300)


def test_every_pair_once_in_order_with_q_at_least_p():
    pairs = comparison({"net": 3, "a": 1, "b": 0})
    assert [(pair.a, pair.b) for pair in pairs] == [("net", "a"), ("net", "b"), ("a", "b")]
    assert all(pair.q >= pair.p - 1e-12 for pair in pairs)
    assert pairs[0].difference.value == pytest.approx(pairs[0].value_a - pairs[0].value_b)
    assert {"a", "b", "value", "low", "high", "p"} <= set(pairs[0].to_dict())


def test_verdict_names_the_best_rival_and_the_negatives():
    pairs = comparison({"a": 1, "net": 3, "b": 0})
    assert against_best(pairs, "net", ["a", "b"]).b == "a"
    text = verdict(pairs, network="net", rivals=["a", "b"], negatives="dinucleotide shuffles")
    assert text.startswith("net beats the best simple rival, a (AUROC")
    assert "these negatives only (dinucleotide shuffles)" in text
    assert "400 units: peak" in text


def test_verdict_does_not_claim_what_is_not_shown():
    worse = verdict(comparison({"net": 0.2, "a": 3}), network="net", rivals=["a"])
    assert "does not beat" in worse
    equal = verdict(comparison({"net": 1, "a": 1}), network="net", rivals=["a"])
    assert "includes zero" in equal and "beats" not in equal
    few = verdict(comparison({"net": 3, "a": 1}, n=30), network="net", rivals=["a"])
    assert "Only 30 units" in few
    small = verdict(comparison({"net": 3, "a": 1}), network="net", rivals=["a"], practical=0.9)
    assert "too little to matter" in small and "practical gain may not be claimed" in small


def test_one_unit_gives_no_claim():
    target = Target("binary", np.array([0, 1] * 20), ("no", "yes"))
    p = np.linspace(0.1, 0.9, 40)
    scores = {"net": np.column_stack([1 - p, p]), "a": np.column_stack([p, 1 - p])}
    pairs = compare_all(target, scores, np.zeros(40, int), unit_name="patient", seed=0, draws=50)
    assert "chance cannot be told from skill" in verdict(pairs, network="net", rivals=["a"])


def test_unknown_names_are_told():
    pairs = comparison({"net": 1, "a": 1})
    with pytest.raises(UsageError, match="net"):
        verdict(pairs, network="nett", rivals=["a"])
    with pytest.raises(UsageError, match="no rival"):
        verdict(pairs, network="net", rivals=["zzz"])
