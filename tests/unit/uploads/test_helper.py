"""A file is refused for its own fault alone: its original is removed then."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import pytest
from citizens import photo
from PIL import Image

from flows.uploads import helper
from flows.uploads.kinds import Limits


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "a.jpg").write_bytes(photo())
    limits = asdict(Limits(memory_bytes=2**40))  # the tests' own process is a large one
    return {"path": str(tmp_path / "a.jpg"), "kind": "jpeg", "preview": str(tmp_path / "a.rgb")} | limits


def killed(_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def works_on(_: object) -> NoReturn:
    while True:
        pass


def test_a_photo_is_decoded(asked: dict[str, Any]) -> None:
    assert helper.answer(asked)["inspected"]["kind"] == "jpeg"


@pytest.mark.parametrize("part", [0x8769, 0x8825], ids=["exif", "gps"])
def test_a_photo_with_an_odd_tag_is_not_damaged(asked: dict[str, Any], part: int) -> None:
    """A part of its tags is said to lie before the file."""
    tags = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIii", 1, part, 9, 1, -9, 0)
    path = Path(asked["path"])
    with Image.open(path) as picture:
        picture.save(path, exif=tags)
    inspected = helper.answer(asked)["inspected"]
    assert (inspected["taken_at"], inspected["taken_local"], inspected["latitude"]) == (None, None, None)
    assert inspected["pixels_px"] == [320, 240]


@pytest.mark.parametrize("changes", [{"preview": "/dev/full"}, {"path": "/nonexistent"}, {"wall_s": 0.0}])
def test_a_machine_that_cannot_is_no_damaged_file(asked: dict[str, Any], changes: dict[str, Any]) -> None:
    assert list(helper.answer(asked | changes)) == ["away"]


@pytest.mark.parametrize(("decode", "said"), [(killed, "away"), (works_on, "refused")])
def test_a_decoder_that_is_killed_did_not_take_too_much(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, decode: Callable[..., Any], said: str
) -> None:
    monkeypatch.setattr(helper, "_decode", decode)
    told = helper.answer(asked | {"cpu_s": 1})
    assert list(told) == [said]
    assert said == "away" or "too much" in told["refused"]


def test_what_is_cut_off_is_damaged(asked: dict[str, Any]) -> None:
    path = Path(asked["path"])
    path.write_bytes(path.read_bytes()[:300])
    assert "damaged" in helper.answer(asked)["refused"]
