"""TFRecord files of Basenji and Borzoi, read without TensorFlow.

A file is a row of records, each with its length and two checksums, whole or compressed by zlib or gzip. A record is a
protocol buffer `Example`: named features, each a list of bytes, floats or integers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import numba
import numpy as np

from chiasma.core.errors import FormatError, InputError

_BLOCK = 1 << 20
_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_MASK = 0xA282EAD8
"""Added to a rotated checksum, so that a checksum of data that holds checksums stays useful (TensorFlow's format)."""
_LONGEST = 1 << 31
"""Bytes of a record beyond which its length is taken for noise: protocol buffers allow no more."""

Feature = bytes | np.ndarray
"""Bytes as they are, or an array float32 or int64 (value,)."""


def read_examples(path: Path | str) -> Iterator[dict[str, Feature]]:
    """Features of each record by name.

    Raises:
        FormatError: no TFRecord file, cut short, or damaged: the record is named.
    """
    for number, record in enumerate(read_records(path)):
        try:
            yield parse_example(record)
        except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
            raise FormatError(
                "not a protocol buffer Example",
                where=f"{path}, record {number}",
                got=error,
                expected="records that basenji_data or hound_data wrote",
            ) from error


def read_records(path: Path | str) -> Iterator[bytes]:
    """The bytes of each record, checked against both checksums."""
    try:
        handle = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise InputError("no such file", where=path, do="check the path") from error
    with handle:
        stream = _Stream(path, handle)
        number = 0
        while head := stream.read(_HEADER.size):
            if len(head) < _HEADER.size:
                _refuse(path, number, "cut short within a record's length")
            length, checksum = _HEADER.unpack(head)
            if length > _LONGEST or _checksum(head[:8]) != checksum:
                _refuse(path, number, "the length of a record does not fit its checksum")
            body, end = stream.read(length), stream.read(_CHECKSUM.size)
            if len(body) < length or len(end) < _CHECKSUM.size:
                _refuse(path, number, f"cut short: {len(body):,} of {length:,} bytes")
            if _checksum(body) != _CHECKSUM.unpack(end)[0]:
                _refuse(path, number, "the record does not fit its checksum")
            yield body
            number += 1


def _refuse(path: Path | str, number: int, what: str) -> NoReturn:
    raise FormatError(
        "truncated, damaged, or no TFRecord file",
        where=f"{path}, record {number}",
        got=what,
        expected="whole records, plain or compressed by zlib or gzip",
        do="copy or download the file again",
    )


class _Stream:
    """Bytes of a file, decompressed where its first bytes say so."""

    def __init__(self, path: Path | str, handle: BinaryIO) -> None:
        self.path, self.handle = path, handle
        head = self.handle.read(2)
        self.handle.seek(0)
        # zlib: method 8 and a checksum of two bytes; a plain file begins with a length, whose first bytes could be
        # these too, but not with a fitting checksum behind it.
        is_zlib = len(head) == 2 and head[0] & 0x0F == 8 and int.from_bytes(head, "big") % 31 == 0
        compressed = head == b"\x1f\x8b" or (is_zlib and not self._is_plain())
        self.inflate = zlib.decompressobj(wbits=47) if compressed else None
        self.held = bytearray()

    def _is_plain(self) -> bool:
        head = self.handle.read(_HEADER.size)
        self.handle.seek(0)
        return len(head) == _HEADER.size and _checksum(head[:8]) == _HEADER.unpack(head)[1]

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""
        while len(self.held) < size:
            block = self.handle.read(_BLOCK)
            if not block:
                self._finish()
                break
            self.held += block if self.inflate is None else self._inflated(block)
        taken = bytes(self.held[:size])
        del self.held[:size]
        return taken

    def _inflated(self, block: bytes) -> bytes:
        assert self.inflate is not None
        try:
            return self.inflate.decompress(block)
        except zlib.error as error:
            raise FormatError(
                "damaged compressed file", where=self.path, got=error, do="copy or download the file again"
            ) from error

    def _finish(self) -> None:
        if self.inflate is not None and not self.inflate.eof:
            raise FormatError(
                "truncated TFRecord file",
                where=self.path,
                got="the compressed stream has no end",
                do="copy or download the file again",
            )


def _crc_table() -> np.ndarray:
    """Remainders of all bytes for the Castagnoli polynomial, bits reversed."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1).astype(np.uint32)
    return table


_TABLE = _crc_table()


@numba.njit(cache=True)
def _crc32c(data: np.ndarray, table: np.ndarray) -> np.uint32:
    """CRC-32C of bytes (byte,)."""
    value = np.uint32(0xFFFFFFFF)
    for byte in data:
        value = table[(value ^ byte) & np.uint32(0xFF)] ^ (value >> np.uint32(8))
    return value ^ np.uint32(0xFFFFFFFF)


def _checksum(data: bytes) -> int:
    value = int(_crc32c(np.frombuffer(data, np.uint8), _TABLE))
    return (((value >> 15) | (value << 17)) + _MASK) & 0xFFFFFFFF


def parse_example(record: bytes) -> dict[str, Feature]:
    """Features by name of one `Example` in protocol buffers' wire format.

    Raises:
        ValueError: not such a message.
    """
    found: dict[str, Feature] = {}
    for features in _fields(memoryview(record), 1):
        for entry in _fields(features, 1):
            names, values = list(_fields(entry, 1)), list(_fields(entry, 2))
            if len(names) != 1 or len(values) != 1:
                raise ValueError("a feature without name or value")
            found[bytes(names[0]).decode()] = _feature(values[0])
    return found


def _feature(message: memoryview) -> Feature:
    for kind, body in _messages(message):
        if kind == 1:
            return b"".join(bytes(each) for each in _fields(body, 1))
        if kind == 2:
            return np.frombuffer(b"".join(bytes(each) for each in _fields(body, 1)), "<f4")
        if kind == 3:
            return np.array(_integers(body), np.int64)
    return b""


def _integers(message: memoryview) -> list[int]:
    values: list[int] = []
    for body in _fields(message, 1):
        at = 0
        while at < len(body):
            value, at = _varint(body, at)
            values.append(value - (1 << 64) if value >> 63 else value)
    return values


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (body for number, body in _messages(message) if number == wanted)


def _messages(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of each field; those of a fixed width or a single integer as their own bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind, start = tag & 7, at
        if kind == 0:
            _, stop = _varint(message, at)
        elif kind in (1, 5):
            stop = at + (8 if kind == 1 else 4)
        elif kind == 2:
            length, start = _varint(message, at)
            stop = start + length
        else:
            raise ValueError(f"wire type {kind}")
        if stop > len(message):
            raise ValueError("a field longer than its message")
        yield tag >> 3, message[start:stop]
        at = stop


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("an integer without end")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
