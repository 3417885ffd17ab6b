"""Copies between any two parts are judged, sequences of any length are compared, and classes must differ."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from chiasma.audit.context import Context, make_context
from chiasma.audit.dependence import across_the_split, check_dependence, contradictions
from chiasma.data.dataset import Dataset, Target
from chiasma.data.results import Finding
from chiasma.data.sequences import Sequences, reverse_complement
from chiasma.data.split import Split


def dna(n: int, seed: int, *, length: int = 100) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8))


def context_of(codes: list[np.ndarray], part: np.ndarray, y: np.ndarray | None = None) -> Context:
    ids = [f"s{i}" for i in range(len(codes))]
    x = Sequences.from_codes(ids, codes)
    target = Target("binary", np.arange(len(codes)) % 2 if y is None else y, ("negative", "positive"))
    data = Dataset(x.ids, x, target, np.arange(len(codes)))
    return make_context(data, Split("given", x.ids, part.astype(object)), seed=0, budget_s=60)


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


@pytest.mark.parametrize(
    ("first", "second", "copies", "severity"),
    [
        ("train", "calibration", 100, "critical"),
        ("train", "calibration", 2, "warning"),
        ("valid", "calibration", 50, "critical"),
        ("train", "valid", 50, "warning"),
    ],
)
@pytest.mark.parametrize("flipped", [False, True])
def test_copies_between_parts_that_are_not_the_test_part(first, second, copies, severity, flipped):
    codes = dna(300, 1)
    codes[200 : 200 + copies] = [reverse_complement(code) if flipped else code for code in codes[:copies]]
    part = np.repeat([first, "test", second], 100)
    found = by_name(check_dependence(context_of(codes, part)))
    kind = "reverse-complement-twins" if flipped else "exact-duplicates"
    finding = found[f"{kind}-{first}-{second}"]
    assert finding.severity == severity and finding.figures["examples"] == copies
    assert f"{second} examples" in finding.message and f"of an example in {first}" in finding.message
    assert found[kind].severity == "ok"  # nothing of it is in the test part


def test_nothing_is_said_of_parts_that_share_nothing():
    part = np.repeat(["train", "valid", "calibration", "test"], 50)
    found = by_name(across_the_split(context_of(dna(200, 2), part)))
    assert not [name for name in found if name.endswith(("-valid", "-calibration"))]


def test_one_long_sequence_among_short_ones_costs_no_more_than_its_length():
    codes = [*dna(2000, 3), *dna(1, 4, length=1_000_000)]
    context = context_of(codes, np.where(np.arange(2001) % 5 == 0, "test", "train"))
    tracemalloc.start()
    found = contradictions(context)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # a table as wide as the longest sequence would have 8 GB
    assert found[0].name == "repeated-sequences" and found[0].severity == "ok"


@pytest.mark.parametrize(("shared", "severity"), [(50, "critical"), (1, "warning")])
def test_the_same_sequences_in_both_classes(shared, severity):
    half = dna(50, 5)
    other = [reverse_complement(code) for code in half[:shared]] + dna(50 - shared, 6)
    part = np.where(np.arange(100) % 4 == 0, "test", "train")
    found = by_name(said := contradictions(context_of([*half, *other], part, np.repeat([1, 0], 50))))
    finding = found["same-sequences-in-both-classes"]
    assert finding.severity == severity and finding.figures["sequences"] == 2 * shared
    assert "both classes" in finding.message and said[0] is finding  # it comes before what follows from it
