"""Pitfall: dependent examples. What the test part shares with what was learned from."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.audit.context import Context
from chiasma.audit.words import graded, some
from chiasma.data.intervals import Intervals
from chiasma.data.results import Finding
from chiasma.data.sequences import Sequences
from chiasma.split.place import coordinates
from chiasma.split.proof import prove
from chiasma.stats.intervals import count_overlaps, self_overlap
from chiasma.stats.sharing import canonical_groups

PITFALL = "dependent-examples"
_SPOILED = {
    "valid": "early stopping and choices made there favour what was memorised",
    "calibration": "calibrated probabilities and conformal sets promise more than they keep",
}
"""What a part that shares examples with an earlier one is no longer good for."""


def check_dependence(context: Context) -> list[Finding]:
    """Everything shared across the split, then what overlaps or repeats within the data."""
    return [*across_the_split(context), *self_overlaps(context), *contradictions(context)]


def across_the_split(context: Context) -> list[Finding]:
    """Ids, units, intervals, copies, twins and near-copies in the test part and in a part that was learned from."""
    split, n_test = context.split, len(context.split.where("test"))
    proof = split.proof or prove(context.data, split.part, kind=split.kind, parameters=split.parameters)
    found = []
    for key, what in (("shared_ids", "ids"), ("shared_units", f"units ({context.data.unit_name})")):
        if key not in proof:
            continue
        count = int(proof[key])
        if key == "shared_units" and not count and context.data.unit_name == "example":
            continue  # each example is its own unit: nothing more is said than of ids
        message = f"{count:,} {what} occur in more than one part." if count else f"No {what} occur in two parts."
        found.append(Finding(PITFALL, key.replace("_", "-"), "critical" if count else "ok", message, {"count": count}))
    described = (
        ("interval_overlaps", "interval-overlaps", "overlap an interval of"),
        ("exact_duplicates", "exact-duplicates", "are copies of an example in"),
        ("reverse_complement_twins", "reverse-complement-twins", "are the reverse complement of an example in"),
    )
    for key, name, what in described:
        if proof.get(key):
            found.append(_with_test(proof[key], name, what, n_test))
            found += _among_learned(proof[key], name, what, split.sizes())
    if proof.get("shared_addresses"):
        message = f"{proof['shared_addresses']} simulated examples have the same address in two parts."
        found.append(Finding(PITFALL, "shared-addresses", "critical", message, {"count": proof["shared_addresses"]}))
    if proof.get("largest_containment"):
        found.append(_near_copies(proof["largest_containment"], n_test))
    if proof.get("largest_correlation"):
        found.append(_near_rows(proof["largest_correlation"], n_test))
    return found


def _with_test(by_parts: dict[str, Any], name: str, what: str, n_test: int) -> Finding:
    """One line for the test part against each part that was learned from."""
    counts = {key: entry["examples"] for key, entry in by_parts.items() if key.endswith("-test")}
    pairs = [pair for key in counts for pair in by_parts[key]["shown"]]
    count = max(counts.values(), default=0)
    what = f"test examples {what} another part"
    if not count:
        return Finding(PITFALL, name, "ok", f"None of the {n_test:,} {what}.", {"by_parts": counts})
    severity = graded(count / max(n_test, 1), note=0, warning=0.0005, critical=0.01)
    message = f"{some(count, n_test, what)}, for instance {pairs[0][1]} and {pairs[0][0]}."
    return Finding(PITFALL, name, severity, message, {"by_parts": counts, "examples": count, "shown": pairs[:5]})


def _among_learned(by_parts: dict[str, Any], name: str, what: str, sizes: dict[str, int]) -> list[Finding]:
    """One line for each pair of the other parts that shares something: it spoils what the later part is used for."""
    found = []
    for key, entry in by_parts.items():
        one, other = key.split("-")
        if "test" in (one, other) or not entry["examples"]:
            continue
        share = entry["examples"] / max(sizes.get(other, 0), 1)
        severity = graded(share, note=0, warning=1e-9, critical=0.1 if other == "calibration" else 1.01)
        pair = entry["shown"][0]
        message = (
            f"{some(entry['examples'], sizes.get(other, 0), f'{other} examples')} {what} {one}, for instance {pair[1]} "
            f"and {pair[0]}: {_SPOILED[other]}."
        )
        figures = {"examples": entry["examples"], "shown": entry["shown"]}
        found.append(Finding(PITFALL, f"{name}-{key}", severity, message, figures))
    return found


def _near_copies(largest: dict[str, Any], n_test: int) -> Finding:
    """Test sequences whose k-mers are mostly those of one training sequence."""
    near = int(largest["test_examples_at_least"]["0.5"])
    severity = graded(near / max(n_test, 1), note=1e-9, warning=0.01, critical=0.1)
    nearest = f"; the nearest pair, {largest['test']} and {largest['train']}, shares {largest['share']:.0%}"
    message = (
        f"{some(near, n_test, 'test sequences')} have half or more of their {largest['k']}-mers in one training one"
        f"{nearest if largest['train'] else ''}."
    )
    return Finding(PITFALL, "near-duplicates", severity, message, dict(largest))


def _near_rows(largest: dict[str, Any], n_test: int) -> Finding:
    near = int(largest["test_examples_above_0.999"])
    severity = graded(near / max(n_test, 1), note=1e-9, warning=0.005, critical=0.05)
    message = (
        f"{some(near, n_test, 'test samples')} correlate above .999 with a training sample; the nearest pair, "
        f"{largest['test']} and {largest['train']}, at {largest['correlation']:.3f}."
    )
    return Finding(PITFALL, "near-duplicates", severity, message, dict(largest))


def self_overlaps(context: Context) -> list[Finding]:
    """How much intervals lie on each other, in each class and between classes; twins of a unit count once."""
    places = coordinates(context.data)
    if places is None:
        return []
    index = _one_per_unit(places, context.data.unit)
    index = index[places.end[index] > places.start[index]]
    if len(index) < 2:
        return []
    label = context.data.target.values[index] if context.data.target.kind in ("binary", "multiclass") else None
    classes = [] if label is None else [int(value) for value in np.unique(label)]
    found = _overlaps_by_part(context, places, index) if len(classes) < 2 else []
    for value in classes if len(classes) > 1 else []:
        name = context.data.target.names[value]
        found.append(_one_self_overlap(places.take(index[label == value]), f"intervals of class {name!r}"))
    if label is not None and len(classes) > 1:
        found.append(_between_classes(places.take(index), np.asarray(label)))
    return found


def _overlaps_by_part(context: Context, places: Intervals, index: np.ndarray) -> list[Finding]:
    """Without classes: each file of a given division, or everything."""
    if context.split.kind != "given":
        return [_one_self_overlap(places.take(index), "intervals")]
    part = context.split.part[index]
    chosen = {str(name): index[part == name] for name in np.unique(part.astype(str))}
    return [_one_self_overlap(places.take(own), f"{name} intervals") for name, own in chosen.items()]


def _one_per_unit(places: Intervals, unit: np.ndarray) -> np.ndarray:
    """The first example of each unit at each place (example,)."""
    seen: dict[tuple[Any, ...], int] = {}
    rows = zip(unit.tolist(), places.chrom.tolist(), places.start.tolist(), places.end.tolist())
    for index, key in enumerate(rows):
        seen.setdefault(key, index)
    return np.array(list(seen.values()), dtype=int)


def _one_self_overlap(places: Intervals, what: str) -> Finding:
    found = self_overlap(places)
    severity = graded(found.fold, note=1.001, warning=1.1, critical=2.0)
    advice = "." if severity == "ok" else "; merge them, or keep overlapping ones in one part (--split locus)."
    fold = f"{found.fold:.1f}" if found.fold >= 1.05 else f"{found.fold:.3f}"
    message = (
        f"The {len(places):,} {what} cover {found.union:,} bp {fold} times over: "
        f"{found.involved:,} overlap another, in {found.pairs:,} pairs{advice}"
        if found.pairs
        else f"None of the {len(places):,} {what} overlaps another."
    )
    figures = {"what": what, "total": found.total, "union": found.union, "fold": found.fold}
    figures |= {"pairs": found.pairs, "involved": found.involved}
    return Finding(PITFALL, "self-overlap", severity, message, figures)


def _between_classes(places: Intervals, label: np.ndarray) -> Finding:
    """Intervals that share bases with an interval of another class: the same DNA with two answers."""
    hit = np.zeros(len(places), bool)
    for value in np.unique(label):
        inside = np.flatnonzero(label == value)
        hit[inside] = count_overlaps(places.take(inside), places.take(label != value)) > 0
    severity = graded(float(hit.mean()), note=1e-9, warning=0.01, critical=0.1)
    message = f"{some(int(hit.sum()), len(places), 'intervals')} overlap an interval of another class."
    return Finding(PITFALL, "overlap-across-classes", severity, message, {"intervals": int(hit.sum())})


def in_two_classes(sequences: Sequences, label: np.ndarray) -> np.ndarray:
    """Whether each sequence stands, on either strand, under another label as well (sequence,)."""
    group = canonical_groups(sequences)[0]
    lowest = np.full(group.max(initial=-1) + 1, np.iinfo(int).max)
    highest = np.full(len(lowest), -1)
    np.minimum.at(lowest, group, label)
    np.maximum.at(highest, group, label)
    return (lowest != highest)[group]


def contradictions(context: Context) -> list[Finding]:
    """The same sequence, on either strand, under two labels; and how many stand more than once."""
    if not isinstance(context.data.x, Sequences) or context.data.target.kind not in ("binary", "multiclass"):
        return []
    n = len(context.data)
    repeated = n - int(canonical_groups(context.data.x)[0].max(initial=-1)) - 1
    both = int(in_two_classes(context.data.x, np.asarray(context.data.target.values, int)).sum())
    figures = {"repeated": repeated, "contradictory": both}
    severity = graded(repeated / max(n, 1), note=1e-9, warning=0.05, critical=0.5)
    message = (
        f"{some(repeated, n, 'sequences')} repeat an earlier one on either strand, and {both:,} stand under two labels."
        if repeated
        else "Every sequence stands once, on either strand."
    )
    found = [_in_both(both, context)] if both else []
    return [*found, Finding(PITFALL, "repeated-sequences", severity, message, figures)]


def _in_both(both: int, context: Context) -> Finding:
    """Sequences that are examples of two classes: nothing can be learned of them."""
    n, classes = len(context.data), "both classes" if len(context.data.target.names) == 2 else "two classes"
    severity = graded(both / n, note=0, warning=1e-9, critical=0.05)
    message = (
        f"The same sequences in {classes}: {some(both, n, 'sequences')} stand under two labels, on either strand, and "
        "nothing can be learned of those."
    )
    return Finding(PITFALL, "same-sequences-in-both-classes", severity, message, {"sequences": both})
