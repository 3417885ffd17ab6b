"""One file from a public address: what broke off goes on where it stopped, digests are checked, no half file shows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chiasma.core.errors import InputError, MismatchError
from chiasma.core.files import read_json, write_json

_TIMEOUT = 30
"""Seconds that a server may stay silent."""
_TRIES = 3
"""Connections in a row that may break off without a byte gained before the caller hears of it."""
_BLOCK = 1 << 16
"""Bytes written at once; of a broken block nothing is kept."""

Tell = Callable[[int, int | None], None]
"""Called with the bytes that are here and those that there are to be, None where the host does not say."""


@dataclass(frozen=True)
class Remote:
    """What a host says of a file before it sends it.

    Attributes:
        url: the address asked.
        size: bytes, or None.
        mark: the host's mark of this version, a strong ETag or else the date of its last change; "" for neither.
        digests: published by the host, by algorithm (sha256, md5), hexadecimal.
    """

    url: str
    size: int | None = None
    mark: str = ""
    digests: dict[str, str] = field(default_factory=dict)


def download(
    url: str,
    target: Path,
    *,
    sha256: str = "",
    before: Callable[[Remote], None] | None = None,
    tell: Tell | None = None,
) -> Remote:
    """Fetch a file; one that broke off is continued by the next call if the host still has the same version.

    Args:
        url: address, http or https.
        target: where the whole file is to lie; TARGET.part holds what has come so far.
        sha256: digest that the file must have, "" where none is known.
        before: called with what the host says before anything is kept; may raise to refuse it.
        tell: called as bytes arrive.

    Returns:
        what the host said.

    Raises:
        InputError: the address cannot be reached or broke off too often; what came is kept for the next call.
        MismatchError: the content has not the digest given, or not the one that the host publishes; nothing is kept.
    """
    part = target.with_name(target.name + ".part")
    facts = target.with_name(target.name + ".part.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    remote = _fetch(url, part, facts, before=before, tell=tell)
    expected = {**remote.digests, **({"sha256": sha256} if sha256 else {})}
    for algorithm, value in expected.items():
        if (got := file_digest(part, algorithm)) != value:
            part.unlink()
            facts.unlink(missing_ok=True)
            raise MismatchError(
                "the content is another than was published", where=url, got=f"{algorithm} {got}", expected=value
            )
    part.replace(target)
    facts.unlink(missing_ok=True)
    return remote


def file_digest(path: Path, algorithm: str) -> str:
    """Hexadecimal digest of a file; md5 serves only to compare with hosts that publish no other."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _fetch(url: str, part: Path, facts: Path, *, before: Callable[[Remote], None] | None, tell: Tell | None) -> Remote:
    import requests

    reason, tries, most = "", _TRIES, 0
    while tries or _size(part) > most:
        tries = (_TRIES if _size(part) > most else tries) - 1
        most = max(most, _size(part))
        have = _size(part) if facts.exists() else 0
        known = Remote(**read_json(facts)) if have else Remote(url)
        have = have if known.url == url and (known.mark or known.digests) else 0
        if have and have == known.size:  # stopped after the last byte
            return _accepted(known, before)
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-"} | ({"If-Range": known.mark} if known.mark else {})
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                if response.status_code == requests.codes.requested_range_not_satisfiable and have:
                    part.unlink()
                    continue
                response.raise_for_status()
                continued = response.status_code == requests.codes.partial_content
                remote = _accepted(_remote(url, response, continued=continued), before)
                if continued and not _same(known, remote):
                    part.unlink()
                    continue
                write_json(facts, asdict(remote))
                _store(response.iter_content(_BLOCK), part, remote, have=have if continued else 0, tell=tell)
        except (requests.RequestException, OSError) as error:
            if isinstance(error, requests.HTTPError):
                raise _unreachable(url, error) from error
            reason = _first_line(error)
            continue
        if remote.size is None or part.stat().st_size == remote.size:
            return remote
        reason = f"{part.stat().st_size:,} of {remote.size:,} bytes"
    here = f"; {part.stat().st_size:,} bytes are kept" if part.exists() else ""
    raise InputError(
        "cannot be downloaded", where=url, got=reason + here, expected="a network", do="run the same command again"
    )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _accepted(remote: Remote, before: Callable[[Remote], None] | None) -> Remote:
    if before is not None:
        before(remote)
    return remote


def _store(blocks: Iterable[bytes], part: Path, remote: Remote, *, have: int, tell: Tell | None) -> None:
    with open(part, "ab" if have else "wb") as handle:
        for block in blocks:
            handle.write(block)
            have += len(block)
            if tell is not None:
                tell(have, remote.size)


def _same(known: Remote, remote: Remote) -> bool:
    """Whether a continued answer is of the version that was begun."""
    marks = [(known.mark, remote.mark), *((known.digests.get(key), remote.digests.get(key)) for key in known.digests)]
    return known.size == remote.size and all(one == other for one, other in marks)


def _remote(url: str, response: Any, *, continued: bool) -> Remote:
    """From the headers of an answer and of the redirections on the way to it."""
    answers = [*response.history, response]
    own = response.headers
    size = own.get("Content-Range", "").rpartition("/")[2] if continued else own.get("Content-Length", "")
    etag = own.get("ETag", "")
    mark = own.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag
    digests: dict[str, str] = {}
    for answer in answers:
        digests |= _published(answer.headers)
    return Remote(url, int(size) if size.isdigit() else None, mark, digests)


def _published(headers: Mapping[str, str]) -> dict[str, str]:
    """Digests of the whole file: Hugging Face's, Google's, and those of RFC 9530."""
    found = {}
    if match := re.fullmatch(r'"?([0-9a-f]{64})"?', headers.get("X-Linked-ETag", "")):
        found["sha256"] = match[1]
    if match := re.search(r"\bmd5=([A-Za-z0-9+/=]+)", headers.get("x-goog-hash", "")):
        found["md5"] = match[1]
    if match := re.search(r"\bsha-256=:([A-Za-z0-9+/=]+):", headers.get("Repr-Digest", "")):
        found["sha256"] = match[1]
    return dict(_hexadecimal(found))


def _hexadecimal(found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for algorithm, value in found.items():
        size = hashlib.new(algorithm, usedforsecurity=False).digest_size
        if len(value) == 2 * size:
            yield algorithm, value
            continue
        try:
            raw = base64.b64decode(value, validate=True)
        except binascii.Error:
            continue
        if len(raw) == size:
            yield algorithm, raw.hex()


def _unreachable(url: str, error: Exception) -> InputError:
    do = "check the address, or try later"
    return InputError("cannot be downloaded", where=url, got=_first_line(error), expected="the file", do=do)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


@contextmanager
def named(what: str, do: str) -> Iterator[None]:
    """Errors of `download` with what was to be fetched, and what to do instead."""
    try:
        yield
    except MismatchError as error:
        raise MismatchError(
            f"{what} has changed at its address, and is refused",
            where=error.where,
            got=error.got,
            expected=error.expected,
            do=do,
        ) from error
    except InputError as error:
        raise InputError(
            f"{what} {error.what}", where=error.where, got=error.got, expected=error.expected, do=f"{error.do}, or {do}"
        ) from error
