"""Uploads are decoded by a helper that may die; whoever asks goes on."""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from struct import pack

import pytest
from media import STARTED_AT, write_video
from PIL import Image

from flows.uploads.inspector import HelperAway, Inspector
from flows.uploads.kinds import Limits, UploadRefused, kind_of


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as made:
        yield made


def photo(path: Path, size: tuple[int, int] = (640, 480), form: str = "JPEG") -> Path:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Phone 7"
    exif.get_ifd(0x8769).update({0x9003: "2026:05:04 13:00:02", 0x9011: "+05:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (43.0, 14.0, 24.0), 3: "E", 4: (76.0, 54.0, 36.0)})
    Image.effect_noise(size, 80).convert("RGB").save(path, form, exif=exif)
    return path


def png_bomb(side: int) -> bytes:
    """A picture of ``side`` squared pixels in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))

    rows = zlib.compressobj(9)
    body = b"".join(rows.compress(bytes(1 + side * 3)) for _ in range(side)) + rows.flush()
    head = pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photo_says_when_and_where_it_was_taken_and_its_pixels_say_nothing(
    inspector: Inspector, tmp_path: Path, form: str
) -> None:
    seen = inspector.inspect(photo(tmp_path / "a.bin", form=form))
    said = seen.inspected
    assert (said.kind, said.width_px, said.height_px) == (form.lower(), 640, 480)
    assert (said.latitude, said.longitude) == (43.24, 76.91)
    assert said.taken_at == datetime(2026, 5, 4, 8, 0, 2, tzinfo=UTC)
    assert said.device == "Maker Phone 7"
    assert seen.rgb.shape == (480, 640, 3)


def test_a_clip_says_how_long_it_is_and_when_it_was_made(inspector: Inspector, tmp_path: Path) -> None:
    said = inspector.inspect(write_video(tmp_path / "a.mp4", 50)).inspected
    assert (said.kind, said.seconds, said.frames, said.taken_at) == ("mp4", 2.0, 3, STARTED_AT)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a" + bytes(99), b"#EXTM3U\nhttp://127.0.0.1/x", b"%PDF-1.7", b"PK\3\4", b"<svg/>", bytes(99),
     bytes(4) + b"ftypheic" + bytes(80)],
)  # fmt: skip
def test_what_is_nothing_that_is_accepted_is_never_opened(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with (
        Inspector(command=lambda: ["/nonexistent"]) as never,
        pytest.raises(UploadRefused, match="something else"),
    ):
        never.inspect(tmp_path / "a")


def test_a_playlist_in_a_film_s_clothes_opens_no_other_file(inspector: Inspector, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(4) + b"ftypisom" + b"#EXTM3U\nfile:///etc/passwd\n" * 20)
    with pytest.raises(UploadRefused, match="damaged"):
        inspector.inspect(tmp_path / "a")


def test_sizes_are_bounded_before_anything_is_decoded(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    with (
        Inspector(Limits(photo_bytes=1000), lambda: ["/nonexistent"]) as small,
        pytest.raises(UploadRefused, match="MB"),
    ):
        small.inspect(path)


def test_bombs_end_in_words_and_the_helper_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(png_bomb(5000))
    good = photo(tmp_path / "good.jpg")
    with Inspector(Limits(photo_pixels=1_000_000)) as few:
        with pytest.raises(UploadRefused, match="pixels"):
            few.inspect(tmp_path / "bomb")
        assert few.inspect(good).inspected.kind == "jpeg"
    with Inspector(Limits(memory_bytes=400 * 2**20)) as little:
        with pytest.raises(UploadRefused, match=r"memory|gave up|damaged"):
            little.inspect(tmp_path / "bomb")
        assert little.starts == 1


def test_a_decoder_that_hangs_is_killed_and_the_file_is_tried_again(tmp_path: Path) -> None:
    with Inspector(Limits(wall_s=0.0)) as hasty, pytest.raises(HelperAway, match="within 0 s"):
        hasty.inspect(photo(tmp_path / "a.jpg"))


def test_a_helper_that_died_is_started_again(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    with Inspector() as made:
        made.inspect(path)
        assert made._helper._process is not None
        made._helper._process.kill()
        made._helper._process.wait()
        assert made.inspect(path).inspected.kind == "jpeg"
        assert made.starts == 2


@pytest.mark.parametrize(
    "script", ["print('nonsense')", "pass", "print('[]')", 'print(\'{"inspected": {"kind": 3}}\')']
)
def test_a_helper_that_talks_nonsense_is_not_believed(tmp_path: Path, script: str) -> None:
    code = f"import sys; sys.stdin.readline(); {script}"
    with (
        Inspector(command=lambda: [sys.executable, "-c", code]) as odd,
        pytest.raises((UploadRefused, HelperAway)),
    ):
        odd.inspect(photo(tmp_path / "a.jpg"))


def test_some_dozens_of_malformed_files_neither_crash_nor_hang(inspector: Inspector, tmp_path: Path) -> None:
    rng = random.Random(4)
    small = (64, 48)
    clip = write_video(tmp_path / "a.mp4", 5, size=small).read_bytes()
    photos = [photo(tmp_path / f"a.{form}", small, form).read_bytes() for form in ("JPEG", "PNG")]
    told = []
    for number in range(45):
        data = bytearray([*photos, clip][number % 3])
        for _ in range(rng.randrange(1, 30)):
            data[rng.randrange(16, len(data))] = rng.randrange(256)
        (tmp_path / "x").write_bytes(data[: rng.randrange(20, len(data) + 1)] if number % 2 else data)
        try:
            assert kind_of(bytes(data[:64])) == inspector.inspect(tmp_path / "x").inspected.kind
        except UploadRefused as error:
            told.append(str(error))
    assert all(told)
    assert inspector.starts == 1
