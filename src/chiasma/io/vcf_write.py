"""A VCF with further INFO fields: the lines of another, their header extended, packed and indexed."""

from __future__ import annotations

import math
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chiasma.core.errors import UsageError
from chiasma.core.files import atomic_write
from chiasma.io.variant_records import VariantRecords, record_lines

_FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_INFO = 7
_TBI_MOST = 1 << 29
"""Bases of the longest contig that a .tbi index reaches; beyond it a .csi is written."""

Value = float | str | None


@dataclass(frozen=True)
class InfoField:
    """An INFO field.

    Attributes:
        key: letters, digits, _ and dots.
        number: "A", one value for each ALT, or "1".
        type: Float, Integer or String.
        description: a sentence.
    """

    key: str
    number: str
    type: str
    description: str

    def line(self, version: str) -> str:
        """Its line in the header."""
        text = self.description.replace("\\", "\\\\").replace('"', '\\"')
        return (
            f'##INFO=<ID={self.key},Number={self.number},Type={self.type},Description="{text}",'
            f'Source="chiasma",Version="{version}">'
        )


def info_key(name: str) -> str:
    """A name as the key of an INFO field may be written."""
    return re.sub(r"[^0-9A-Za-z_.]+", "_", name).strip("_") or "output"


def require_vcf_name(path: Path | str) -> None:
    """Raise unless the output's name is one that can be written."""
    if not str(path).endswith((".vcf.gz", ".vcf.bgz", ".vcf")):
        raise UsageError(
            "unknown output format", where="-o", got=path, expected="OUT.vcf.gz, packed and indexed, or .vcf"
        )


def write_vcf(
    path: Path | str,
    records: VariantRecords,
    *,
    fields: Sequence[InfoField],
    values: Iterable[Mapping[str, Sequence[Value] | Value]],
    remarks: Mapping[str, str],
    contigs: Mapping[str, int],
    version: str,
) -> None:
    """Write the lines of a VCF again with further INFO fields; .gz is bgzipped and has an index beside it.

    Fields of the same names that the file had before are replaced. Lines that are not sorted are sorted, as the
    index needs. FORMAT and genotypes stay as they are.

    Args:
        path: .vcf, or .vcf.gz.
        records: of the file that is written again.
        fields: what is added.
        values: for each line of `records`, in the file's order, by key; a sequence for Number=A. None and NaN are
            missing; a field all of whose values are missing is left out of the line.
        remarks: further lines of the header, by key.
        contigs: lengths, for contigs that the header lacks.
        version: of the program, for the header.

    Raises:
        RunError: the place cannot be written.
    """
    path = Path(path)
    head = "\n".join(_header(records, fields, remarks, contigs, version)) + "\n"
    lines = _annotated(records, {field.key for field in fields}, values)
    if not records.is_sorted:
        unsorted = list(lines)
        lines = iter([unsorted[row] for row in records.order().tolist()])
    if path.suffix == ".vcf":
        with atomic_write(path) as handle:
            handle.write(head)
            handle.writelines(lines)
        return
    _write_packed(path, head, lines, longest=max([*contigs.values(), *records.contigs.values(), 0]))


def _write_packed(path: Path, head: str, lines: Iterator[str], *, longest: int) -> None:
    import pysam

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.vcf.gz"
        with pysam.BGZFile(str(draft), "wb", None) as packed:
            packed.write(head.encode())
            for line in lines:
                packed.write(line.encode())
        wide = longest > _TBI_MOST
        pysam.tabix_index(str(draft), preset="vcf", csi=wide, force=True)
        suffix = ".csi" if wide else ".tbi"
        for stale in (".csi", ".tbi"):
            Path(f"{path}{stale}").unlink(missing_ok=True)
        # the index last: an index is never older than the file that it belongs to
        for source, target in ((draft, path), (Path(f"{draft}{suffix}"), Path(f"{path}{suffix}"))):
            with open(source, "rb") as made, atomic_write(target, "wb") as out:
                shutil.copyfileobj(made, out)


def _header(
    records: VariantRecords,
    fields: Sequence[InfoField],
    remarks: Mapping[str, str],
    contigs: Mapping[str, int],
    version: str,
) -> Iterator[str]:
    added = {field.key for field in fields}
    head = list(records.header) or ["##fileformat=VCFv4.2"]
    if not head[0].startswith("##fileformat"):
        head.insert(0, "##fileformat=VCFv4.2")
    named = set(re.findall(r"##contig=<ID=([^,>]+)", "\n".join(head)))
    for line in head:
        key = re.match(r"##INFO=<ID=([^,>]+)", line)
        if not (key and key[1] in added) and line.partition("=")[0].removeprefix("##") not in remarks:
            yield line
    for name in dict.fromkeys(records.chrom.tolist()):
        if name not in named:
            yield f"##contig=<ID={name},length={contigs[name]}>" if name in contigs else f"##contig=<ID={name}>"
    yield from (field.line(version) for field in fields)
    yield from (f"##{key}={text}" for key, text in remarks.items())
    yield records.columns if records.columns.count("\t") >= _INFO else _FIXED


def _annotated(
    records: VariantRecords, keys: set[str], values: Iterable[Mapping[str, Sequence[Value] | Value]]
) -> Iterator[str]:
    for fields, added in zip(record_lines(records.path), values, strict=True):
        old = [
            item for item in fields[_INFO].split(";") if item not in ("", ".") and item.partition("=")[0] not in keys
        ]
        new = [f"{key}={text}" for key, value in added.items() if (text := _text(value)) is not None]
        yield "\t".join([*fields[:_INFO], ";".join(old + new) or ".", *fields[_INFO + 1 :]]) + "\n"


def _text(value: Sequence[Value] | Value) -> str | None:
    """A value as INFO has it; None where nothing is there to tell."""
    items = [value] if value is None or isinstance(value, (str, float, int)) else list(value)
    texts = [_item(item) for item in items]
    return None if all(text == "." for text in texts) else ",".join(texts)


def _item(value: Value) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "."
    if isinstance(value, str):
        return re.sub(r"[\s;=,%]", "_", value) or "."
    return f"{value:.6g}"
