"""Scores of variants as INFO fields and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.encode.variant_alleles import REASONS, Alleles
from chiasma.io.variant_records import VariantRecords
from chiasma.io.vcf_write import InfoField, Value, info_key
from chiasma.workflow.variants.summary import Summary

MOST_FIELDS = 12
"""Outputs that each get INFO fields of their own; of more, the VCF names the strongest and the table has all."""


@dataclass(frozen=True, eq=False)
class Scored:
    """All that is known of a VCF's alleles once models were asked.

    Attributes:
        records: the file's lines.
        alleles: one ALT each, with why some have no score.
        rows: which alleles were scored (scored allele,).
        summary: of these.
        outputs: names.
        statistic: in words.
        conservation: for each allele, NaN where unknown; None where it was not asked for.
        remarks: what was noticed on the way.
    """

    records: VariantRecords
    alleles: Alleles
    rows: np.ndarray
    summary: Summary
    outputs: tuple[str, ...]
    statistic: str
    conservation: np.ndarray | None = None
    remarks: list[str] = field(default_factory=list)

    def status(self) -> np.ndarray:
        """SCORED, SWAPPED or why there is no score (allele,)."""
        scored = np.where(self.alleles.swapped, "SWAPPED", "SCORED")
        return np.where(self.alleles.reason == "", scored, self.alleles.reason).astype(object)

    def full(self, name: str) -> np.ndarray:
        """A column of the summary for all alleles (allele, output), NaN where there is no score."""
        values = np.full((len(self.alleles), len(self.outputs)), np.nan)
        values[self.rows] = getattr(self.summary, name)
        return values


def info_fields(scored: Scored) -> list[InfoField]:
    """The fields that a VCF gets."""
    reasons = "; ".join(f"{key}: {words}" for key, words in REASONS.items())
    swapped = "SWAPPED: the genome has ALT where the line says REF, and the effect is still that of ALT over REF"
    found = [InfoField("CHIASMA_STATUS", "A", "String", f"SCORED; {swapped}; {reasons}")]
    if scored.conservation is not None:
        found.append(InfoField("CHIASMA_CONSERVATION", "1", "Float", "mean of the bigWig over the bases of REF"))
    effect = f"effect of ALT over REF: {scored.statistic}"
    if len(scored.outputs) > MOST_FIELDS:
        text = f"of {len(scored.outputs)} outputs the one with the largest effect"
        return [
            *found,
            InfoField("CHIASMA_TOP", "A", "String", text),
            *_triple("CHIASMA_TOP", f"{effect}, of that output", scored.summary.over),
        ]
    for key, name in zip(_keys(scored.outputs), scored.outputs, strict=True):
        found += _triple(key, f"{effect}, output {name}", scored.summary.over)
    return found


def _keys(outputs: Sequence[str]) -> list[str]:
    """A key for each output that no other has."""
    keys: list[str] = []
    for name in outputs:
        key = wanted = f"CHIASMA_{info_key(name)}"
        number = 2
        while key in keys:
            key, number = f"{wanted}_{number}", number + 1
        keys.append(key)
    return keys


def _triple(key: str, effect: str, over: str) -> list[InfoField]:
    sign = f"probability that one more would give the sign of the effect, Student's t over {over}"
    return [
        InfoField(f"{key}_EFFECT", "A", "Float", effect),
        InfoField(f"{key}_SD", "A", "Float", f"standard deviation of {key}_EFFECT over {over}"),
        InfoField(f"{key}_PSIGN", "A", "Float", sign),
    ]


def info_values(scored: Scored) -> Iterator[Mapping[str, Sequence[Value] | Value]]:
    """INFO of each line of the file."""
    first = np.searchsorted(scored.alleles.record, np.arange(len(scored.records) + 1))
    status, columns = scored.status(), _columns(scored)
    for begin, end in zip(first[:-1].tolist(), first[1:].tolist(), strict=True):
        if status[begin] == "NO_ALT":  # a value for each of no alternatives
            yield {}
            continue
        line: dict[str, Sequence[Value] | Value] = {"CHIASMA_STATUS": status[begin:end].tolist()}
        if scored.conservation is not None:
            line["CHIASMA_CONSERVATION"] = float(scored.conservation[begin])
        yield line | {key: column[begin:end].tolist() for key, column in columns.items()}


def _columns(scored: Scored) -> dict[str, np.ndarray]:
    """Values of all alleles by key (allele,)."""
    parts = {"EFFECT": scored.full("effect"), "SD": scored.full("spread"), "PSIGN": scored.full("sign")}
    if len(scored.outputs) <= MOST_FIELDS:
        keys = _keys(scored.outputs)
        return {f"{key}_{part}": table[:, at] for at, key in enumerate(keys) for part, table in parts.items()}
    top = strongest_output(parts["EFFECT"])
    has_score = scored.alleles.reason == ""
    names = np.where(has_score, np.array(scored.outputs, dtype=object)[top], ".")
    rows = np.arange(len(top))
    return {"CHIASMA_TOP": names} | {f"CHIASMA_TOP_{part}": table[rows, top] for part, table in parts.items()}


def strongest_output(effect: np.ndarray) -> np.ndarray:
    """Column with the largest absolute effect (allele,); the first where there is no score."""
    return np.nan_to_num(np.abs(effect), nan=-1.0).argmax(axis=1)


def write_parquet(path: Path, scored: Scored) -> None:
    """One row an allele; POS as in the VCF, from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chiasma.core.files import atomic_write

    alleles, records = scored.alleles, scored.records
    columns: dict[str, Any] = {
        "chrom": records.chrom[alleles.record],
        "pos": alleles.position + 1,
        "id": records.ids[alleles.record],
        "ref": alleles.ref,
        "alt": alleles.alt,
        "line": alleles.record + 1,
        "status": scored.status(),
    }
    if scored.conservation is not None:
        columns["conservation"] = scored.conservation
    for name, label in (("effect", "effect"), ("spread", "sd"), ("sign", "p_sign"), ("ref", "ref"), ("alt", "alt")):
        table = scored.full(name)
        columns |= {f"{label}_{output}": table[:, at] for at, output in enumerate(scored.outputs)}
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    facts = {"statistic": scored.statistic, "spread over": scored.summary.over}
    with atomic_write(path, "wb") as handle:
        pq.write_table(pa.table(arrays).replace_schema_metadata(facts), handle)
