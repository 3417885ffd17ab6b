"""A finished run, read from its folder; what is absent is empty, never an error."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError, InputError
from chiasma.core.files import read_json

FILES = (
    "config.toml",
    "provenance.json",
    "split.parquet",
    "audit.json",
    "metrics.json",
    "compare.json",
    "predictions.parquet",
    "model.json",
    "log.jsonl",
    "citations.bib",
)


_RESTORE = "restore the file, or remove it: the page then says that it is absent"


@dataclass(frozen=True, eq=False)
class Run:
    """What a run folder holds.

    Attributes:
        path: the folder.
        config_text: config.toml as written; `config` is the same, parsed.
        predictions: columns of predictions.parquet (example,).
        split: columns of split.parquet (example,).
        log: one mapping an epoch.
        explain: tables of explain/*.tsv by stem, each a list of rows; `notes` are explain/notes.json.
        gates: what `predict` left in gates/*.json: how real data compare with the simulations of the fit.
        keeps_simulations: whether there are simulations that data can be compared with.
        absent: names of the files that are not there.
    """

    path: Path
    config_text: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    compare: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    split: dict[str, np.ndarray] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    explain: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    gates: list[dict[str, Any]] = field(default_factory=list)
    keeps_simulations: bool = False
    citations: str = ""
    absent: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the folder, also while the run is not yet complete."""
        return self.path.resolve().name.removesuffix(".partial")

    @property
    def method(self) -> str:
        """Name of the method, or "model" where it was not recorded."""
        return str(self.provenance.get("method") or self.card.get("name") or "model")

    @property
    def card(self) -> dict[str, Any]:
        """The method's card as dumped into the provenance."""
        return self.provenance.get("card") or {}

    @property
    def target(self) -> dict[str, Any]:
        """Kind, names and unit of what was predicted."""
        return self.provenance.get("target") or {}

    @property
    def settings(self) -> dict[str, Any]:
        """The method's own configuration."""
        return self.config.get("config") or self.config

    @property
    def seed(self) -> Any:
        """The seed of the run, or None."""
        return (self.config.get("options") or {}).get("seed", self.config.get("seed"))

    @property
    def parameters(self) -> int | None:
        """Trainable parameters, as counted, or None."""
        cost = (self.compare.get("cost") or {}).get(self.method) or self.provenance.get("cost") or {}
        found = self.model.get("parameters", cost.get("parameters"))
        return found if isinstance(found, int) else None

    @property
    def remarks(self) -> list[str]:
        """What the fit said of itself, such as that it found nothing."""
        return [str(line) for line in (self.model.get("meta") or {}).get("remarks") or []]

    @property
    def pairs(self) -> list[dict[str, Any]]:
        """Paired differences (a, b, metric, value, low, high, p), those of the method first and from its side."""
        rows = [row for row in self.compare.get("pairs") or [] if isinstance(row, dict)]
        seen = [turned(row) if row.get("b") == self.method else row for row in rows]
        return sorted(seen, key=lambda row: row.get("a") != self.method)

    @property
    def primary(self) -> str:
        """The metric that decides."""
        test = self.metrics.get("test") or {}
        return str(self.metrics.get("primary") or self.compare.get("primary") or next(iter(test), ""))


def read_run(path: Path | str) -> Run:
    """Read a run folder.

    Raises:
        InputError: there is no such folder, or it holds no file of a run.
        FormatError: a file is there and is broken.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError("no such run folder", where=path, do="give the folder that `chiasma fit -o` wrote")
    present = [name for name in FILES if (path / name).exists()]
    if not present:
        raise InputError("not a run folder", where=path, expected=f"some of {', '.join(FILES)}")
    config_text = _text(path / "config.toml")
    explain = path / "explain"
    split, made = _parquet(path / "split.parquet")
    documents = {name: _json(path / f"{name}.json") for name in ("provenance", "audit", "metrics", "compare", "model")}
    if made and not documents["provenance"].get("split"):
        documents["provenance"]["split"] = made
    return Run(
        path=path,
        config_text=config_text,
        config=_toml(config_text, path / "config.toml"),
        **documents,
        predictions=_parquet(path / "predictions.parquet")[0],
        split=split,
        log=_lines(path / "log.jsonl"),
        explain={file.stem: read_table(file) for file in sorted(explain.glob("*.tsv"))},
        notes=_json(explain / "notes.json"),
        gates=sorted(map(_json, (path / "gates").glob("*.json")), key=lambda one: sorted(one["data"].items())),
        keeps_simulations=(path / "simulations.safetensors").is_file(),
        citations=_text(path / "citations.bib"),
        absent=tuple(name for name in FILES if name not in present),
    )


def turned(pair: dict[str, Any]) -> dict[str, Any]:
    """The same paired difference seen from the other side."""
    minus = {key: -pair[key] if isinstance(pair.get(key), (int, float)) else None for key in ("value", "low", "high")}
    return {**pair, "a": pair["b"], "b": pair["a"], "value": minus["value"], "low": minus["high"], "high": minus["low"]}


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a TSV file with a header."""
    with open(path, encoding="utf-8", newline="") as handle:
        return [{key: cell or "" for key, cell in row.items() if key} for row in csv.DictReader(handle, delimiter="\t")]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError("not valid TOML", where=path, got=error, do=_RESTORE) from error


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found = read_json(path)
    return found if isinstance(found, dict) else {"notes": found}


def _lines(path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise FormatError("not valid JSON", where=f"{path}, line {number}", got=error, do=_RESTORE) from error
        if isinstance(row, dict) and "epoch" in row:
            rows.append(row)
    last = {row["epoch"]: row for row in rows}
    return [last[epoch] for epoch in sorted(last)]


def _parquet(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Columns of a Parquet file, and what a Split wrote into its metadata."""
    if not path.exists():
        return {}, {}
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FormatError("not a readable Parquet file", where=path, got=error, do=_RESTORE) from error
    meta = (table.schema.metadata or {}).get(b"chiasma.split")
    return {name: table[name].to_numpy() for name in table.column_names}, json.loads(meta) if meta else {}
