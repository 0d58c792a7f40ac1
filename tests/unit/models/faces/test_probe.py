"""Probes: one face, large, sharp, frontal; what is no picture or too large is never decoded."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from portraits import astronaut, beside, head, jpeg

from flows.domain.errors import FieldError
from flows.settings import Settings
from models.faces import FacePair, load
from models.faces.base import Face
from models.faces.photos import decoded
from models.faces.probe import ProbeChecker


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> FacePair:
    return load("dlib", Settings.from_env({"DOME_HOME": str(tmp_path_factory.mktemp("home"))}))


@pytest.fixture(scope="module")
def checker(pair: FacePair) -> ProbeChecker:
    return ProbeChecker(pair)


@pytest.mark.slow
def test_a_good_photo_is_accepted_with_what_it_is_worth(checker: ProbeChecker, pair: FacePair) -> None:
    check = checker.check(astronaut())
    assert check.accepted
    assert (check.faces, check.versions) == (1, pair.versions)
    assert check.size_px > 80
    assert check.sharpness > 0.3
    assert check.yaw_deg < 10


def blurred() -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(astronaut()).filter(ImageFilter.GaussianBlur(2)))


@pytest.mark.parametrize(
    ("photo", "faces", "message"),
    [
        (lambda: np.full((300, 300, 3), 120, np.uint8), 0, "expected one face, got none"),
        (lambda: beside(3), 3, "expected one face, got 3; cut the photo"),
        (lambda: np.pad(head(90), ((30, 30), (30, 30), (0, 0))), 1, "a face of 80 px or more, got"),
        (blurred, 1, "a sharpness of 0.12 or more"),
    ],
    ids=["nobody", "three", "small", "blurred"],
)
def test_others_are_refused_and_told_why(
    checker: ProbeChecker, photo: Callable[[], NDArray[np.uint8]], faces: int, message: str
) -> None:
    check = checker.check(photo())
    assert not check.accepted
    assert check.faces == faces
    assert message in " ".join(check.problems)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (lambda: b"%PDF-1.7 not a picture", r"a picture \(JPEG or PNG or WEBP\), got something else"),
        (lambda: b"", "a picture"),
        (lambda: jpeg(astronaut())[:900], "a picture"),
        (lambda: b"\xff" * 20_000_001, r"at most 20 MB, got 20\.0 MB"),
    ],
    ids=["pdf", "empty", "cut off", "many bytes"],
)
def test_what_is_no_picture_is_refused(photo: Callable[[], bytes], message: str) -> None:
    with pytest.raises(FieldError, match=message):
        decoded(photo())


def png_of(width: int, height: int) -> bytes:
    """The head of a PNG that states a size; there are no pixels behind it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", b"nothing")]
    parts = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000)])
def test_a_hundred_megapixels_are_refused_by_their_header(width: int, height: int) -> None:
    with pytest.raises(FieldError, match="at most 40 megapixels"):
        decoded(png_of(width, height))


@pytest.mark.slow
def test_a_real_picture_of_a_hundred_megapixels_is_refused_too() -> None:
    out = io.BytesIO()
    Image.new("L", (10_000, 10_000)).save(out, "PNG", compress_level=1)
    with pytest.raises(FieldError, match=r"at most 40 megapixels, got 10000x10000 \(100 megapixels\)"):
        decoded(out.getvalue())


def test_a_photo_is_set_upright_as_its_camera_says() -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    Image.new("RGB", (40, 20)).save(out, "JPEG", exif=exif)
    assert decoded(out.getvalue()).shape == (40, 20, 3)


class Turned:
    """A finder that sees one face in profile."""

    version = "0" * 64

    def find(self, picture: object) -> list[Face]:
        return [Face((150, 50, 300, 200), 1.0, ((180, 100), (220, 100)), (218, 130))]


def test_a_face_in_profile_is_refused(pair: FacePair) -> None:
    check = ProbeChecker(FacePair("turned", Turned(), pair.embedder)).check(astronaut())
    assert "expected a face turned aside by 27 degrees at most, got 4" in " ".join(check.problems)


def test_the_small_face_of_somebody_far_behind_does_not_count(pair: FacePair) -> None:
    class Crowd:
        version = "0" * 64

        def find(self, picture: object) -> list[Face]:
            return [Face((150, 50, 300, 200), 1.0), Face((10, 10, 40, 40), 1.0)]

    check = ProbeChecker(FacePair("crowd", Crowd(), pair.embedder)).check(astronaut())
    assert (check.faces, check.size_px) == (1, 150)
