"""Real windows that a network is adapted to while it learns from simulations, and those kept to measure it by.

They come through the door of `predict`, so that what the network is adapted to is what it will be put to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.core.files import text_hash
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Dataset, Target
from chiasma.data.split import DROPPED, Split
from chiasma.run.simulations import kept
from chiasma.workflow.loading.feature_vectors import is_fvec
from chiasma.workflow.loading.genotypes import GenotypeChoice
from chiasma.workflow.loading.windows import read_windows

ADAPT = "adapt"
"""The input with the real windows; those beside it are called ADAPT_SOMETHING."""
FEWEST_MEASURED = 20
"""Windows held out below which the area says nothing, as of the gate."""


def adapts(inputs: Mapping[str, Any]) -> bool:
    """Whether real windows are given to adapt to.

    Raises:
        UsageError: something is told of them, and they are not given.
    """
    if inputs.get(ADAPT) is not None:
        return True
    for name, value in inputs.items():
        if name.startswith(f"{ADAPT}_"):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError("told of real windows that are not given", where=flag, got=value, expected="--adapt FILE")
    return False


def refuse_idle_settings(config: Config) -> None:
    """Settings of adaptation without windows to adapt to.

    Raises:
        UsageError: one of them is not at its default.
    """
    field = type(config).model_fields.get("adaptation")
    if field is None:
        return
    given, usual = cast(Any, config).adaptation.model_dump(), field.default.model_dump()
    for name, value in given.items():
        if value != usual[name]:
            raise UsageError(
                "a setting of the adaptation to real windows, and none are given",
                where=f"--adaptation.{name}",
                got=value,
                expected="--adapt FILE",
                do="give the windows, or leave the setting out",
            )


def load_real(config: Config, inputs: Mapping[str, Any], target: Target, *, seed: int) -> tuple[Dataset, Split]:
    """Real windows without a target, and which of them are adapted to (train), measured (test) or neither.

    Those measured are the last along the region; windows that share a base with them are not adapted to. They wear the
    mask that simulated regions wear.

    Args:
        config: of the method, with `adaptation` and `training`.
        inputs: adapt and, where given, adapt_samples, adapt_ancestral and mask.
        target: what the network predicts.
        seed: of the haplotypes drawn.

    Raises:
        UsageError: feature vectors, of which it is not known which overlap.
        InputError, InsufficientDataError: they cannot be read as predict would; fewer than a minibatch.
    """
    path, settings = str(inputs[ADAPT]), cast(Any, config)
    if is_fvec(path):
        raise UsageError(
            "feature vectors do not tell which of them overlap", where="--adapt", got=path, expected="genotypes"
        )
    if settings.adaptation.against == "neutral" and "neutral" not in target.names:
        raise UsageError(
            "no neutral simulations to hold real windows against",
            where="--adaptation.against",
            got="neutral",
            expected="all",
        )
    worn = [file for field, file in config.named_files().items() if field.rpartition(".")[2] == "mask"]
    mask = inputs.get("mask") or next(iter(worn), None)
    told = {"region": settings.adaptation.region or None, "mask": mask}
    told |= {name: inputs.get(f"{ADAPT}_{name}") for name in ("samples", "ancestral")}
    data, _ = read_windows(path, config, target=target, choice=GenotypeChoice.of(told), seed=seed)
    order = np.argsort(data.columns["start"], kind="stable")
    data = data.take(order)
    data = replace(data, x=kept(data.x, None, executor="serial", workers=1))  # type: ignore[arg-type]
    split = divide_real(data, config, where=path)
    if split.sizes().get("train", 0) < settings.training.batch_size:
        _refuse_few(data, split, config, where=path)
    return data, split


def _refuse_few(data: Dataset, split: Split, config: Config, *, where: str) -> None:
    """Say how many windows there are, how many it takes, and on about how many bases they would lie."""
    settings, sizes = cast(Any, config), split.sizes()
    wanted, share = settings.training.batch_size, settings.adaptation.held_out
    start, end = data.columns["start"], data.columns["end"]
    parts = (
        f"{sizes.get('train', 0)} to adapt to, {sizes.get(DROPPED, 0)} beside those held out, {sizes['test']} held out"
    )
    step = float(np.median(np.diff(start))) if len(start) > 1 else float(end[0] - start[0])
    reach = _reach(data, config)
    beside = max(int(np.ceil(np.median(reach[1] - reach[0]) / step)) - 1, 0)
    total = int(np.ceil((wanted + beside) / (1 - share)))
    raise InsufficientDataError(
        "fewer real windows to adapt to than a minibatch",
        where=where,
        got="; ".join([f"{len(data)} windows: {parts}", *map(str, data.skips)]),
        expected=f"{wanted} or more to adapt to (training.batch_size), which takes about {total:,} windows in all",
        do=f"give about {total * step / 1e6:.2g} million bases in all, at the {step:,.0f} from one window to the next "
        "(a longer --adaptation.region, or more of the genome in --adapt)",
    )


def divide_real(data: Dataset, config: Config, *, where: str) -> Split:
    """The last windows to measure by; those before them that do not reach into them to adapt to."""
    share, (start, end) = cast(Any, config).adaptation.held_out, _reach(data, config)
    n = len(data)
    first = min(n - 1, int(n * (1 - share)))
    part = np.full(n, "train", object)
    part[first:] = "test"
    part[:first][end[:first] > start[first]] = DROPPED
    spans = {name: _span(data, config, part == name) for name in ("train", "test")}
    proof = {
        "kind": "given",
        "parameters": {"rule": "the last windows along the region are measured, those that overlap them left out"},
        "sizes": {name: int((part == name).sum()) for name in ("train", DROPPED, "test")},
        "apart": {name: _apart(start[part == name], end[part == name]) for name in spans},
        "file": Path(where).name,
        "adapted_to": spans["train"],
        "measured": spans["test"],
        "hashes": {name: text_hash(*data.ids[part == name].tolist())[:16] for name in spans},
    }
    few = int((part == "test").sum())
    said = f"only {few} real windows are held out: too few to say how well they are told"
    warnings = (said,) if few < FEWEST_MEASURED else ()
    return Split("given", data.ids, part, {"by": "position", "held_out": share}, proof, warnings=warnings)


def _reach(data: Dataset, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """First base of what is read for each window, and the base after its last: a run is answered for its middle."""
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    start, end = data.columns["start"], data.columns["end"]
    beyond = np.maximum(np.rint((examples.design(config).length - (end - start)) / 2).astype(np.int64), 0)
    return start - beyond, end + beyond


def _apart(start: np.ndarray, end: np.ndarray) -> int:
    """The most of some windows, in order of their starts, of which no two share a base."""
    count, last = 0, -np.inf
    for one in np.argsort(end, kind="stable"):
        if start[one] >= last:
            count, last = count + 1, end[one]
    return count


def _span(data: Dataset, config: Config, which: np.ndarray) -> str:
    """CONTIG:FIRST-LAST of all that is read for some windows, 0-based and half-open; nothing for none."""
    if not which.any():
        return ""
    start, end = _reach(data, config)
    return f"{data.columns['chrom'][which][0]}:{start[which].min()}-{end[which].max()}"


def overlapping(data: Dataset, config: Config, adapted_to: str) -> int:
    """How many windows share a base with the stretch that a model was adapted to."""
    contig, _, span = adapted_to.rpartition(":")
    if not span or "chrom" not in data.columns:
        return 0
    low, high = (int(base) for base in span.split("-"))
    start, end = _reach(data, config)
    same = np.array([bare_contig(str(name)) == bare_contig(contig) for name in data.columns["chrom"]])
    return int((same & (start < high) & (end > low)).sum())


def adaptation_remark(facts: Mapping[str, Any], data: Dataset, config: Config) -> str:
    """That a model was adapted, to what, and how many of these windows it has seen, in a sentence."""
    seen = overlapping(data, config, str(facts["adapted_to"]))
    told = f"the model was adapted to {facts['windows']:,} windows of {facts['file']} ({facts['adapted_to']})"
    if not seen:
        return f"{told}, none of which overlaps these"
    return (
        f"{told}, and {seen:,} of these {len(data):,} lie there: if they are of the same genomes, the network has seen "
        "them, without an answer, and what it says of them is transductive"
    )
