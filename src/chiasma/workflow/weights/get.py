"""`weights`: published checkpoints, from their public homes to MODEL on this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chiasma.core.checks import require_module
from chiasma.core.errors import InputError, MismatchError, UsageError, list_some
from chiasma.core.files import read_json, write_json
from chiasma.io.download import Remote, download, file_digest, named
from chiasma.workflow.weights.catalogue import PublishedWeights, find_weights, list_weights as _entries
from chiasma.workflow.weights.convert import STEM, convert, track_table

RECORD = "source.json"
"""What the host said at the first fetch, and what came of it; kept when the weights are fetched anew."""
_PARTS = 10
"""Lines of progress in a download."""


def list_weights() -> list[dict[str, Any]]:
    """One record a checkpoint: name, method, licence, size, whether it is here, where it comes from."""
    return [
        {
            "name": entry.name,
            "method": entry.method,
            "here": entry.available,
            "megabytes": entry.megabytes,
            "licence": entry.licence,
            "what": entry.what,
            "source": entry.source,
            "url": entry.url,
        }
        for entry in _entries()
    ]


def get_weights(name: str, *, accept_licence: bool = False, again: bool = False) -> dict[str, Any]:
    """Fetch a checkpoint, convert it once to safetensors in the user's cache, and report every key.

    Licence and address are printed before anything is fetched. Digests that the host publishes, and those of the file
    and its track tables, are recorded at the first fetch; files with others are refused from then on.

    Args:
        name: as `list_weights` has it.
        accept_licence: must be set for licences that forbid commercial use.
        again: fetch even if it is here; the old one stays until the new one is whole.

    Returns:
        path, source, digests, and what became of the keys.

    Raises:
        UsageError: no such name, or a non-commercial licence that was not accepted.
        InputError: it cannot be fetched. MismatchError: it is another file than at the first fetch, or does not fit.
    """
    entry = find_weights(name)
    _say(f"{entry.name}: {entry.what}")
    _say(f"licence: {entry.licence}; source: {entry.source}")
    if entry.non_commercial and not accept_licence:
        raise UsageError(
            "the licence of these weights forbids commercial use",
            where=name,
            got=entry.licence,
            do="if your use is within it, say so with --accept-licence",
        )
    if entry.available and not again:
        return _result(entry, "already here")
    if entry.format == "keras":
        require_module("h5py", extra="regulation")  # before a gigabyte is fetched in vain
    raw = _fetched(entry)
    keys = convert(entry, raw)
    _add(entry, {"converted_sha256": file_digest(entry.folder / f"{STEM}.safetensors", "sha256")})
    shutil.rmtree(raw.parent)
    _say(f"{keys['format']}: {key_counts(keys)}")
    for key, reason in keys["dropped"].items():
        _say(f"dropped {key}: {reason}")
    _tables(entry)
    return _result(entry, "fetched")


def _fetched(entry: PublishedWeights) -> Path:
    """The file as published, whole and of the digests recorded."""
    raw = entry.folder / "download" / "file"
    record = read_record(entry)
    same = record.get("url") == entry.url
    known = entry.sha256 or (record.get("sha256", "") if same else "")

    def first_seen(remote: Remote) -> None:
        _require_same(entry, record, remote)
        facts = {"url": entry.url, "licence": entry.licence, "size": remote.size, "published": remote.digests}
        _add(entry, {**facts, "first_seen": record.get("first_seen", _today())})

    # one left by a conversion that failed serves again, if nothing has happened to it since
    if not (raw.exists() and same and known in ("", file_digest(raw, "sha256"))):
        _say(f"from {entry.url}, about {entry.megabytes:,.0f} MB, into {entry.folder}")
        with named(f"weights {entry.name}", _mend(entry)):
            download(entry.url, raw, sha256=known, before=first_seen, tell=_progress())
    _add(entry, {"sha256": file_digest(raw, "sha256"), "fetched": _today()})
    return raw


def _require_same(entry: PublishedWeights, record: dict[str, Any], remote: Remote) -> None:
    """What the host publishes now is what it published at the first fetch."""
    if record.get("url") != entry.url:
        return
    for algorithm, value in record.get("published", {}).items():
        if (now := remote.digests.get(algorithm, value)) != value:
            raise MismatchError("the host publishes another file", where=entry.url, got=now, expected=value)


def _tables(entry: PublishedWeights) -> None:
    """Names and strand pairs of the tracks; a network serves without them, and that is said.

    Raises:
        MismatchError: a table is another than at the first fetch; the one that is here stays.
    """
    heads = entry.config().tracks
    for head, url in entry.tables.items():
        path, recorded = entry.table_path(head), read_record(entry).get("tables", {})
        known = recorded.get(head, {})
        held = known.get("sha256", "") if known.get("url") == url else ""
        try:
            with named(f"the track table of {head}", f"if you trust the new one, delete {entry.folder / RECORD}"):
                download(url, path, sha256=held)
        except MismatchError:
            raise
        except InputError as error:
            kept = "the one that is here stays" if path.exists() else "its tracks are numbered"
            _say(f"{error.what} ({error.got}); {kept}")
            continue
        _add(entry, {"tables": {**recorded, head: {"url": url, "sha256": file_digest(path, "sha256")}}})
        table, reason = track_table(entry, head, heads[head])
        _say(f"track table of {head}: " + (f"{len(table)} tracks" if table else f"{reason}; its tracks are numbered"))


def _progress() -> Callable[[int, int | None], None]:
    """A line to stderr at each tenth of files that take a while."""
    last = [-1]

    def tell(here: int, of: int | None) -> None:
        if of and of > 1 << 24 and (part := _PARTS * here // of) > last[0]:
            last[0] = part
            _say(f"{here / 1e6:,.0f} of {of / 1e6:,.0f} MB")

    return tell


def _result(entry: PublishedWeights, how: str) -> dict[str, Any]:
    keys = read_json(entry.folder / f"{STEM}.json")["keys"]
    counted = {name: len(keys[name]) for name in ("mapped", "dropped", "duplicates", "missing")}
    return {"name": entry.name, "how": how, "path": entry.folder, **read_record(entry), "keys": counted}


def key_counts(keys: dict[str, Any]) -> str:
    """How many keys were mapped, dropped, doubled and missing, in words."""
    return ", ".join(f"{len(keys[name])} {name}" for name in ("mapped", "dropped", "duplicates", "missing"))


def read_record(entry: PublishedWeights) -> dict[str, Any]:
    """What was recorded of a checkpoint; nothing of one that was never asked for."""
    path = entry.folder / RECORD
    return dict(read_json(path)) if path.exists() else {}


def _add(entry: PublishedWeights, facts: dict[str, Any]) -> None:
    write_json(entry.folder / RECORD, {**read_record(entry), **facts})


def _mend(entry: PublishedWeights) -> str:
    names = list_some(sorted(other.name for other in _entries() if other.method == entry.method and other != entry))
    trust = f"if you trust the new file, delete {entry.folder / RECORD}"
    return f"{trust}; other weights of {entry.method}: {names}" if names else trust


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
