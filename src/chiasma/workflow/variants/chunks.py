"""Chunks of alleles scored one after another or by workers, each on disk as soon as it is done."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.files import atomic_write, read_json, write_json
from chiasma.encode.variant_alleles import Alleles
from chiasma.run.executor import stream
from chiasma.workflow.variants.scores import Effects, Plan, score_chunk, workbench

_BASES_IN_A_CHUNK = 1 << 24
_ALLELES_IN_A_CHUNK = (16, 2048)
_PARTS = ("effect", "spread", "ref", "alt", "replicates", "windows")
IN_MEMORY = " in memory"
"""Ends the name of a model that has no file, whose work cannot be taken up again."""


def scored_chunks(
    plan: Plan, alleles: Alleles, rows: np.ndarray, *, folder: Path, executor: str = "serial", workers: int = 1
) -> list[Effects]:
    """Effects of all chunks in order: those on disk are read, the others are computed and written at once.

    Args:
        plan: models, outputs, windows.
        alleles: of the whole file.
        rows: those that can be scored, neighbours beside each other.
        folder: of the chunks, opened by `open_partial`.
        executor, workers: see `chiasma.run.executor`.
    """
    scorers, _ = workbench(plan)
    passes = sum(scorer.length * len(plan.strands(scorer)) for scorer in scorers) * len(plan.shifts)
    least, most = _ALLELES_IN_A_CHUNK
    size = max(least, min(most, _BASES_IN_A_CHUNK // passes))
    chunks = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
    files = [folder / f"chunk-{number:06d}.npz" for number in range(len(chunks))]
    missing = [number for number, file in enumerate(files) if not file.exists()]
    if len(missing) < len(chunks):
        print(f"resumed: {len(chunks) - len(missing)} of {len(chunks)} chunks were there", file=sys.stderr, flush=True)
    tasks = ((plan, alleles.take(chunks[number])) for number in missing)
    results = stream(score_chunk, tasks, executor=executor, workers=workers, chunk=1)
    for number, found in zip(missing, results, strict=True):
        with atomic_write(files[number], "wb") as handle:
            np.savez(handle, **{name: getattr(found, name) for name in _PARTS})  # type: ignore[arg-type]
    return [_read_chunk(file) for file in files]


def _read_chunk(file: Path) -> Effects:
    with np.load(file, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in _PARTS}
    return Effects(**found | {"windows": int(found["windows"])})


def open_partial(folder: Path, identity: dict[str, Any], *, overwrite: bool) -> None:
    """A folder for chunks, emptied where what is there cannot be taken up.

    Raises:
        UsageError: it holds unfinished work of other inputs or settings.
    """
    record = folder / "identity.json"
    if record.exists() and read_json(record) != identity and not overwrite:
        raise UsageError(
            "unfinished work of other inputs or settings is there",
            where=folder,
            do="run that command again, or give --overwrite",
        )
    in_memory = any(name.endswith(IN_MEMORY) for name in identity["models"])
    if folder.exists() and (in_memory or not record.exists() or read_json(record) != identity):
        shutil.rmtree(folder)
    write_json(record, identity)
