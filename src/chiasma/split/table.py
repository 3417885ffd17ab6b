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
    """Write id and part as Parquet; kind, parameters, proof and warnings go into the file's metadata."""
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
    return Split(meta["kind"], ids, part, meta["parameters"], meta["proof"], tuple(meta["warnings"]))
