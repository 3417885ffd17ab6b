"""A division as a table: split.parquet, with the proof beside the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError, InputError
from chiasma.core.files import atomic_write, plain
from chiasma.data.split import Split

_KEY = b"chiasma.split"


def write_split(path: Path | str, split: Split) -> None:
    """Write id, part, block and nearest_share as Parquet; kind, parameters, proof and warnings go into its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    meta = plain(
        {
            "kind": split.kind,
            "parameters": split.parameters,
            "proof": split.proof,
            "warnings": list(split.warnings),
        }
    )
    columns = {"id": pa.array(split.ids.astype(str)), "part": pa.array(split.part.astype(str))}
    if split.blocks is not None:
        columns["block"] = pa.array(split.blocks.astype(np.int64))
    if split.nearest_share is not None:
        columns["nearest_share"] = pa.array(split.nearest_share.astype(float), from_pandas=False)
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(meta).encode()})
    with atomic_write(path, "wb") as handle:
        pq.write_table(table, handle)


def read_split(path: Path | str) -> Split:
    """Read what `write_split` wrote.

    Raises:
        InputError: there is no such file.
        FormatError: it is not a split.parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise InputError("no such file", where=path)
    try:
        table = pq.read_table(path)
        meta: dict[str, Any] = json.loads((table.schema.metadata or {})[_KEY])
        ids, part = (np.array(table[name].to_pylist(), dtype=object) for name in ("id", "part"))
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise FormatError("not a table of a split", where=path, got=error, expected="split.parquet of a run") from error
    blocks, share = (
        table[name].to_numpy() if name in table.column_names else None for name in ("block", "nearest_share")
    )
    warnings = tuple(meta["warnings"])
    return Split(
        meta["kind"], ids, part, meta["parameters"], meta["proof"], warnings, blocks=blocks, nearest_share=share
    )
