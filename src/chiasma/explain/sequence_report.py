"""Explain a model on sequences: attributions, motifs, their names, and how far to trust it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.core.rng import generator
from chiasma.data.motif import NamedMotif
from chiasma.data.results import Attribution
from chiasma.data.sequences import Sequences
from chiasma.explain.agreement import agreement, completeness
from chiasma.explain.attention import attention_profile, shows_attention
from chiasma.explain.deeplift import deep_lift_shap
from chiasma.explain.deeplift_rules import UnsupportedOperationError
from chiasma.explain.gradients import differentiable, input_x_gradient, integrated_gradients, saliency
from chiasma.explain.match import Match, match_motifs
from chiasma.explain.motifs import discover_motifs
from chiasma.explain.mutagenesis import one_output, require_region, sentence
from chiasma.explain.onehot import LONG, SequenceModel
from chiasma.explain.pwm import DiscoveredMotif
from chiasma.explain.references import dinucleotide_references
from chiasma.explain.seqlets import SHORTEST

Method = Literal["auto", "deep-lift-shap", "integrated-gradients", "ism", "saliency", "input-x-gradient"]
_REFERENCES = 5
_CHECKED = 20
_CHECKED_BASES = 4_000_000
"""Bases of a window times positions explained beyond which every substitution is too many to be tried besides."""
_ACCEPTED = 0.05
"""Median completeness error, relative to the change of output, above which DeepLIFT gives way."""
_MUTATED = 200
"""Sequences explained at most where every substitution has to be tried."""


@dataclass(frozen=True, eq=False)
class ExplainResult:
    """An explanation.

    Attributes:
        attribution: of the sequences explained.
        motifs: most seqlets first.
        matches: for each motif its database matches, best first; empty without a database.
        notes: what was done, what was not and why, figures of trust; JSON-ready.
        attention: where each head looks, columns of `attention_profile`; empty for models that show none.
    """

    attribution: Attribution
    motifs: tuple[DiscoveredMotif, ...]
    matches: tuple[tuple[Match, ...], ...]
    notes: dict[str, Any] = field(default_factory=dict)
    attention: dict[str, np.ndarray] = field(default_factory=dict)


def explain_sequences(  # noqa: PLR0913 - the one entry of this package; all but two are options
    model: SequenceModel,
    sequences: Sequences,
    *,
    target: int,
    target_name: str = "",
    n_attributed: int = 1000,
    method: Method = "auto",
    seed: int = 0,
    meme: Path | str | Sequence[NamedMotif] | None = None,
    time_limit_s: float = 90.0,
    reference: Literal["dinucleotide-shuffled", "zeros"] = "dinucleotide-shuffled",
    region: tuple[int, int] | None = None,
) -> ExplainResult:
    """Explain one output of a model on sequences.

    Args:
        model: one-hot (batch, base, position) -> (batch, output).
        sequences: those that the output is about, for a classifier the positives; brought to their largest length.
        target: output column.
        target_name: name of that column.
        n_attributed: sequences explained at most, drawn at random.
        method: "auto" is DeepLIFT/SHAP where its rules cover the model, else integrated gradients; mutagenesis, of 200
            sequences at most, where no gradient reaches the input.
        seed: of that draw and of the references.
        meme: a motif file or motifs to name what is found.
        time_limit_s: of TF-MoDISco.
        reference: five shuffles of each sequence, or a vector of zeros.
        region: positions that are explained, half-open, of what the model reads; None is all.

    Raises:
        InsufficientDataError: no sequence.
        UsageError: unknown method or reference; not a region; the model's output is not (batch, output).
    """
    if not len(sequences):
        raise InsufficientDataError("no sequence to explain", expected="one or more")
    if reference not in ("dinucleotide-shuffled", "zeros"):
        raise UsageError("unknown reference", got=reference, expected="dinucleotide-shuffled or zeros")
    notes: dict[str, Any] = {"n_given": len(sequences), "reference": reference, "messages": []}
    first = sequences.take(np.arange(1)).padded(int(sequences.lengths.max()))
    if method == "auto" and not differentiable(model, first, target=target):
        method, n_attributed = "ism", min(n_attributed, _MUTATED)
        notes["messages"].append(f"no gradient reaches the input: mutagenesis, of {_MUTATED} sequences at most")
    if len(sequences) > n_attributed:
        chosen = generator(seed, "explained").choice(len(sequences), n_attributed, replace=False)
        sequences = sequences.take(np.sort(chosen))
    notes["n_explained"] = len(sequences)
    codes = sequences.padded(int(sequences.lengths.max()))
    span = require_region(region, codes.shape[1])
    notes |= {} if region is None else {"region": list(span)}
    if (sequences.lengths != codes.shape[1]).any():
        notes["messages"].append(f"shorter sequences were centred in {codes.shape[1]} positions of N")
    if reference == "zeros":
        references = np.full((len(codes), 1, codes.shape[1]), 4, np.uint8)
    else:
        references = dinucleotide_references(codes, n=_REFERENCES, seed=seed)
    attribution = _attribute(model, codes, references, region=region, target=target, method=method, notes=notes)
    attribution = replace(attribution, ids=sequences.ids, target=target_name or str(target))
    notes |= {"method": attribution.method, "completeness": completeness(attribution)}
    attribution = _of_region(attribution, span)
    if attribution.method != "ism":
        explained = (codes, region)
        notes["mutagenesis_agreement"] = _check(model, attribution, explained, target=target, seed=seed, notes=notes)
    attention = attention_profile(model, codes) if shows_attention(model) else {}
    codes = attribution.codes
    hypothetical = attribution.hypothetical
    if hypothetical is None or attribution.method == "saliency":
        notes["messages"].append("no motif discovery: saliency has no sign")
        return ExplainResult(attribution, (), (), notes, attention)
    if codes.shape[1] < SHORTEST:
        notes["messages"].append(f"no motif discovery: {codes.shape[1]} positions only")
        return ExplainResult(attribution, (), (), notes, attention)
    if attribution.method == "ism":
        hypothetical = hypothetical - hypothetical.mean(axis=-1, keepdims=True)
    found = discover_motifs(codes, attribution.scores, hypothetical, time_limit_s=time_limit_s)
    notes["messages"] += list(found.notes)
    motifs, matches = named(found.motifs, meme)
    return ExplainResult(attribution, motifs, matches, notes, attention)


def named(
    motifs: Sequence[DiscoveredMotif], meme: Path | str | Sequence[NamedMotif] | None
) -> tuple[tuple[DiscoveredMotif, ...], tuple[tuple[Match, ...], ...]]:
    """Motifs, most seqlets first, with their database matches."""
    ordered = tuple(sorted(motifs, key=lambda motif: -motif.n_seqlets))
    if meme is None or not ordered:
        return ordered, tuple(() for _ in ordered)
    if isinstance(meme, (str, Path)):
        from chiasma.io.meme import read_meme

        meme = list(read_meme(meme))
    return ordered, tuple(tuple(found) for found in match_motifs(ordered, meme))


def _attribute(
    model: SequenceModel,
    codes: np.ndarray,
    references: np.ndarray,
    *,
    region: tuple[int, int] | None,
    target: int,
    method: str,
    notes: dict[str, Any],
) -> Attribution:
    if method == "ism":
        edits = one_output(model, codes, target=target, region=region)
        notes["mutagenesis"] = edits.facts()
        notes["messages"].append(sentence(edits))
        return edits.attribution()
    if method == "saliency":
        return saliency(model, codes, target=target)
    if method == "input-x-gradient":
        return input_x_gradient(model, codes, target=target)
    if method not in ("auto", "deep-lift-shap", "integrated-gradients"):
        raise UsageError("unknown attribution method", got=method, expected="auto, deep-lift-shap, " + _OTHERS)
    if method != "integrated-gradients":
        try:
            found = deep_lift_shap(model, codes, target=target, references=references)
        except UnsupportedOperationError as error:
            reason = error.what
        else:
            summary = completeness(found)
            if method == "deep-lift-shap" or summary["median_relative"] <= _ACCEPTED:
                return found
            reason = f"median completeness error {summary['median_relative']:.2g} of the change of output"
        notes["messages"].append(f"integrated gradients in place of DeepLIFT/SHAP: {reason}")
        notes["fallback"] = {"reason": reason, "n_sequences": len(codes)}
    return integrated_gradients(model, codes, target=target, references=references, max_steps=64)


_OTHERS = "integrated-gradients, ism, saliency, input-x-gradient"


def _of_region(attribution: Attribution, region: tuple[int, int]) -> Attribution:
    """The positions of a region alone; mutagenesis gave no others."""
    part = slice(*region)
    if attribution.codes.shape[1] == region[1] - region[0]:
        return attribution
    possible = attribution.hypothetical
    possible = None if possible is None else possible[:, part]
    codes, scores = attribution.codes[:, part], attribution.scores[:, part]
    return replace(attribution, codes=codes, scores=scores, hypothetical=possible)


def _check(
    model: SequenceModel,
    attribution: Attribution,
    explained: tuple[np.ndarray, tuple[int, int] | None],
    *,
    target: int,
    seed: int,
    notes: dict[str, Any],
) -> dict[str, Any]:
    """Correlation of the attribution with mutagenesis on a few sequences; how that was computed goes to `notes`.

    `explained` are the codes that the model read, and the region of them that the attribution is of.
    """
    codes, region = explained
    count = min(_CHECKED, len(codes))
    positions = attribution.codes.shape[1]
    if codes.shape[1] > LONG and codes.shape[1] * positions > _CHECKED_BASES:
        notes["messages"].append(f"not compared with mutagenesis: {3 * positions:,} substitutions a sequence")
        return {"n": 0, "n_undefined": count}
    rows = np.sort(generator(seed, "checked").choice(len(codes), count, replace=False))
    found = one_output(model, codes[rows], target=target, region=region)
    edits = found.attribution()
    part = replace(attribution, ids=attribution.ids[rows], codes=attribution.codes[rows])
    part = replace(part, scores=attribution.scores[rows])
    values = agreement(part, edits)
    defined = values[np.isfinite(values)]
    summary = {"n": len(defined), "n_undefined": int(count - len(defined))}
    notes["mutagenesis"] = found.facts()
    notes["messages"].append(sentence(found))
    if not len(defined):
        return summary
    return summary | {"median": float(np.median(defined)), "lowest": float(defined.min())}
