from __future__ import annotations

import contextlib
import io
import random
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.court.container import NotAPackage, read, write

FILES = {
    "manifest.json": b"{}" * 30,
    "captured/cam-1/first.jpg": bytes(range(256)),
    "empty.txt": b"",
    "z.txt": b"z",
}


def test_the_same_files_give_the_same_bytes_in_any_order_and_any_zip_program_reads_them() -> None:
    made = write(FILES)
    assert made == write(dict(reversed(FILES.items())))
    with zipfile.ZipFile(io.BytesIO(made)) as ordinary:
        assert ordinary.testzip() is None
        assert {name: ordinary.read(name) for name in ordinary.namelist()} == FILES
    assert read(made).files == FILES
    assert read(made).faults == ()


def test_every_changed_byte_is_told_with_the_file_or_part_that_it_concerns() -> None:
    made = write(FILES)
    with zipfile.ZipFile(io.BytesIO(made)) as ordinary:
        starts = {info.filename: info.header_offset + 30 + len(info.filename) for info in ordinary.infolist()}
    for at in range(len(made)):
        changed = bytearray(made)
        changed[at] ^= 0x10
        told = {file for file, _ in read(bytes(changed)).faults}
        within = [name for name, data in FILES.items() if starts[name] <= at < starts[name] + len(data)]
        assert told, at
        assert set(within) <= told, at
        assert within or any(file.startswith("container") for file in told), at


@pytest.mark.parametrize("cut", [1, 21, 22, 100])
def test_a_package_cut_short_is_broken(cut: int) -> None:
    assert read(write(FILES)[:-cut]).faults


@pytest.mark.parametrize("where", ["before", "after", "comment"])
def test_bytes_added_round_it_are_told(where: str) -> None:
    made = write(FILES)
    made = {"before": b"PK" + made, "after": made + b"\0", "comment": made[:-2] + b"\x05\x00hello"}[where]
    try:
        assert read(made).faults
    except NotAPackage:
        assert where == "before"


def _ordinary(**options: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as ordinary:  # type: ignore[arg-type]
        for name, data in FILES.items():
            ordinary.writestr(name, data)
    return out.getvalue()


def test_a_package_packed_again_by_another_program_is_not_as_it_was_delivered() -> None:
    assert read(_ordinary()).faults
    with pytest.raises(NotAPackage):
        read(_ordinary(compression=zipfile.ZIP_DEFLATED))


def test_two_entries_of_one_name_are_told() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as ordinary:
        ordinary.writestr("manifest.json", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            ordinary.writestr("manifest.json", b"two")
    assert ("manifest.json", "the container holds it twice") in read(out.getvalue()).faults


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "a//b", "C:\\x", "a\\b", ".hidden", "", "ә.txt", "a/" * 9]
)
def test_names_that_lead_anywhere_are_refused_on_both_sides(name: str) -> None:
    with pytest.raises(ValueError, match="plain relative name"):
        write({name: b"x"})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as ordinary:
        ordinary.writestr(name or "x", b"x")
    data = out.getvalue() if name else out.getvalue().replace(b"x", b"\0")
    try:
        found = read(data)
    except NotAPackage:
        return
    assert name not in found.files


def test_entries_that_share_their_bytes_do_not_fill_the_memory() -> None:
    """A bomb of stored entries: each names the same megabyte."""
    made = write({f"{n}.bin": b"" for n in range(400)} | {"big.bin": bytes(2**20)})
    start = made.index(b"PK\x03\x04")
    directory = bytearray(made)
    at = made.index(b"PK\x01\x02")
    while made[at : at + 4] == b"PK\x01\x02":
        directory[at + 20 : at + 28] = (2**20).to_bytes(4, "little") * 2
        directory[at + 42 : at + 46] = start.to_bytes(4, "little")
        at += 46 + int.from_bytes(made[at + 28 : at + 30], "little")
    try:
        held = read(bytes(directory))
    except NotAPackage:
        return
    assert sum(len(data) for data in held.files.values()) <= len(made)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
@pytest.mark.slow
def test_anything_else_is_not_a_package(data: bytes) -> None:
    with pytest.raises(NotAPackage):
        read(data)


def test_damage_in_many_places_never_raises_anything_else() -> None:
    made, rng = write(FILES), random.Random(3)
    for _ in range(300):
        changed = bytearray(made)
        for _ in range(rng.randrange(2, 40)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        with contextlib.suppress(NotAPackage):
            assert read(bytes(changed)).faults
