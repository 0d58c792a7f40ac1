"""The zip itself, in the one form that is valid: any byte that could be otherwise is a fault.

Entries are stored (never compressed), in the order of their names, without dates, comments or extra fields. So the
container follows from names and contents, and whoever reads one writes it again and compares byte by byte. A reader
that unpacks nothing cannot be bombed, and one that never touches the disk cannot be led out of a folder.

Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (end record).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flows.domain.errors import DomeError

MOST_BYTES: Final = 2**30
"""A clip of two minutes at 50 Mbit/s has 750 MB; offsets of a plain zip end at 4 GB."""
MOST_ENTRIES: Final = 500
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,3}")
"""No entry leads anywhere: no ``..``, no root, no backslash, no drive."""
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_DAY: Final = 0x21
"""1 January 1980, the first day that a zip can name: nothing here claims a date of its own."""


class NotAPackage(DomeError):
    """A file that is no evidence package at all."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry as a container states it."""

    name: str
    crc: int
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Container:
    """What a zip holds.

    Attributes:
        files: Contents by name.
        faults: ``(what it concerns, what is wrong)``; empty if every byte is as it must be.
    """

    files: Mapping[str, bytes]
    faults: tuple[tuple[str, str], ...]


def write(files: Mapping[str, bytes]) -> bytes:
    """A zip of files; the same files give the same bytes.

    Raises:
        ValueError: If a name is not allowed, or there is too much of anything.

    >>> read(write({"b.txt": b"2", "a/1.txt": b"1"})).faults
    ()
    """
    bad = next((name for name in files if not NAME.fullmatch(name)), None)
    if bad is not None:
        raise ValueError(f"a package's file: expected a plain relative name, got {bad!r}")
    size = sum(len(data) for data in files.values())
    if len(files) > MOST_ENTRIES or size > MOST_BYTES:
        raise ValueError(
            f"a package: expected at most {MOST_ENTRIES} files and {MOST_BYTES} bytes, got {len(files)} and {size}"
        )
    named = [(name, files[name], zlib.crc32(files[name])) for name in sorted(files)]
    return b"".join(bytes(piece) for _, piece in _pieces(named))


def read(data: bytes) -> Container:
    """Reads a zip that may have been tampered with, without unpacking or writing anything.

    Raises:
        NotAPackage: If it is not a zip in which anything can be found.
    """
    if len(data) > MOST_BYTES + 2**20:
        raise NotAPackage(f"expected at most {MOST_BYTES} bytes, got {len(data)}")
    entries, broken = _entries(data)
    faults = [("container", broken)] if broken else []
    files: dict[str, bytes] = {}
    for entry in entries:
        if entry.name in files:
            faults.append((entry.name, "the container holds it twice"))
        files[entry.name] = data[entry.start : entry.start + entry.size]
        if zlib.crc32(files[entry.name]) != entry.crc:
            faults.append((entry.name, "its contents are not those that the container states (CRC-32)"))
    if not broken:
        faults += _differences(data, sorted(entries, key=lambda e: e.name), files)
    return Container(files, tuple(faults))


def _entries(data: bytes) -> tuple[list[_Entry], str]:
    """Entries by the central directory; if that is damaged, by the local headers, and what was damaged."""
    try:
        return list(_by_directory(data)), ""
    except ValueError as error:
        broken = str(error)
    found = []
    try:
        for entry in _by_headers(data):
            found.append(entry)
    except ValueError:
        pass
    if not found:
        raise NotAPackage(f"expected an evidence package, got no zip that can be read: {broken}")
    return found, broken


def _by_directory(data: bytes) -> Iterator[_Entry]:
    at = len(data) - _END.size
    if at < 0 or data[at : at + 4] != b"PK\x05\x06":
        raise ValueError("its end record is not where it must be: cut off, or something was added")
    _, disk, first_disk, here, count, size, offset, comment = _END.unpack_from(data, at)
    if (disk, first_disk, comment) != (0, 0, 0) or here != count or count > MOST_ENTRIES:
        raise ValueError("its end record says what no package says")
    if offset + size != at:
        raise ValueError("its directory does not end where its end record begins")
    place, total = offset, 0
    for _ in range(count):
        if place + _CENTRAL.size > at or data[place : place + 4] != b"PK\x01\x02":
            raise ValueError(f"its directory is damaged at byte {place}")
        fields = _CENTRAL.unpack_from(data, place)
        crc, stored, size, length, extra, note, start = *fields[7:13], fields[16]
        name = _name(data[place + _CENTRAL.size : place + _CENTRAL.size + length])
        begin = start + _LOCAL.size + length
        total += size
        if fields[4] != 0 or stored != size or begin + size > offset or total > len(data):
            raise ValueError(f"its directory says what no package says of {name}")
        yield _Entry(name, crc, begin, size)
        place += _CENTRAL.size + length + extra + note
    if place != at:
        raise ValueError("its directory is longer than its entries")


def _by_headers(data: bytes) -> Iterator[_Entry]:
    place = 0
    while data[place : place + 4] == b"PK\x03\x04" and place + _LOCAL.size <= len(data):
        fields = _LOCAL.unpack_from(data, place)
        crc, stored, size, length, extra = fields[6:11]
        name = _name(data[place + _LOCAL.size : place + _LOCAL.size + length])
        begin = place + _LOCAL.size + length + extra
        if fields[3] != 0 or stored != size or begin + size > len(data):
            raise ValueError(f"the header of {name} is damaged")
        yield _Entry(name, crc, begin, size)
        place = begin + size


def _name(raw: bytes) -> str:
    text = raw.decode("ascii", errors="replace")
    if not NAME.fullmatch(text):
        raise ValueError(f"expected a plain relative name, got {text[:60]!r}")
    return text


def _differences(
    data: bytes, entries: Sequence[_Entry], files: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    """Where a container is not what its own names and contents make."""
    named = [(entry.name, files[entry.name], entry.crc) for entry in entries]
    view, place = memoryview(data), 0
    for label, piece in _pieces(named):
        here = view[place : place + len(piece)]
        if here != piece:
            yield label, f"differs from what a package has there (bytes {place} to {place + len(piece) - 1})"
            if len(here) != len(piece) or label.startswith("container"):
                return  # what follows may only have moved
        place += len(piece)
    if place != len(data):
        yield "container", f"{len(data) - place} bytes more than a package has"


def _pieces(named: Sequence[tuple[str, bytes, int]]) -> Iterator[tuple[str, bytes | memoryview]]:
    """The container piece by piece, each with what it is."""
    offsets, place = [], 0
    for name, data, crc in named:
        raw = name.encode("ascii")
        offsets.append(place)
        header = _LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 0, _DAY, crc, len(data), len(data), len(raw), 0) + raw
        yield f"container: header of {name}", header
        yield name, memoryview(data)
        place += len(header) + len(data)
    begin = place
    for (name, data, crc), offset in zip(named, offsets, strict=True):
        raw = name.encode("ascii")
        row = _CENTRAL.pack(
            b"PK\x01\x02", 20, 20, 0, 0, 0, _DAY, crc, len(data), len(data), len(raw), 0, 0, 0, 0, 0, offset
        )  # fmt: skip
        yield f"container: directory entry of {name}", row + raw
        place += len(row) + len(raw)
    count = len(named)
    yield "container: end record", _END.pack(b"PK\x05\x06", 0, 0, count, count, place - begin, begin, 0)
