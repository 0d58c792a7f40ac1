"""Finders and embedders: what they find, how alike, and what is said where weights are absent."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from portraits import astronaut, beside, head

from flows.domain.errors import FieldError, WeightsError
from flows.settings import Settings
from models.faces import FacePair, load, names
from models.faces.base import Face
from models.faces.networks import face_of
from models.faces.quality import frontality, quality_of, sharpness


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> FacePair:
    return load("dlib", Settings.from_env({"DOME_HOME": str(tmp_path_factory.mktemp("home"))}))


@pytest.mark.slow
def test_the_default_pair_needs_no_download_and_says_its_licences(pair: FacePair) -> None:
    assert pair.licences == {"face-dlib-landmarks": "CC0-1.0", "face-dlib": "CC0-1.0"}
    assert all(len(digest) == 64 for digest in pair.versions.values())


@pytest.mark.slow
def test_a_face_is_found_where_it_is_with_its_eyes_and_nose(pair: FacePair) -> None:
    (face,) = pair.finder.find(astronaut())
    assert 170 < face.xyxy[0] < face.xyxy[2] < 300
    assert face.eyes is not None
    assert face.nose is not None
    (left_x, left_y), (right_x, right_y) = face.eyes
    assert left_x < face.nose[0] < right_x
    assert max(left_y, right_y) < face.nose[1]


@pytest.mark.slow
def test_the_same_person_smaller_and_blurred_stays_alike(pair: FacePair) -> None:
    whole = pair.embedder.embed(astronaut(), pair.finder.find(astronaut()))
    small = np.ascontiguousarray(np.asarray(Image.fromarray(astronaut()).resize((300, 300))))
    again = pair.embedder.embed(small, pair.finder.find(small))
    assert whole.shape == (1, pair.embedder.size)
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-5)
    assert (whole @ again.T).item() > 0.985


@pytest.mark.slow
def test_several_faces_come_largest_first_and_none_is_no_error(pair: FacePair) -> None:
    both = np.zeros((400, 512 + 200, 3), np.uint8)
    both[:300, 200:] = astronaut()[:300]
    small = head(120)
    both[50:170, 40 : 40 + small.shape[1]] = small
    faces = pair.finder.find(both)
    assert len(faces) == 2
    assert faces[0].size_px > faces[1].size_px
    assert pair.finder.find(np.zeros((64, 64, 3), np.uint8)) == []
    assert pair.embedder.embed(both, []).shape == (0, 128)


@pytest.mark.slow
def test_a_large_picture_is_searched_at_a_smaller_size_and_answered_in_its_own_pixels(pair: FacePair) -> None:
    large = np.ascontiguousarray(np.asarray(Image.fromarray(astronaut()).resize((1536, 1536))))
    (face,), (wanted,) = pair.finder.find(large), pair.finder.find(astronaut())
    assert np.allclose(np.array(face.xyxy) / 3, wanted.xyxy, atol=12)


def test_quality_tells_sharp_from_blurred_and_frontal_from_turned(pair: FacePair) -> None:
    (face,) = pair.finder.find(astronaut())
    blurred = np.asarray(Image.fromarray(astronaut()).filter(ImageFilter.GaussianBlur(6)))
    sharp, soft = quality_of(astronaut(), face), quality_of(blurred, face)
    assert sharp.sharpness > 3 * soft.sharpness
    assert sharp.frontality > 0.6
    assert sharp.size_px == pytest.approx(face.size_px)
    assert frontality(Face((0, 0, 9, 9), 1, ((2, 3), (6, 3)), (6.5, 5))) == 0
    assert frontality(Face((0, 0, 9, 9), 1)) == 0.5
    assert sharpness(np.full((50, 50, 3), 90, np.uint8)) == 0


def test_an_unknown_pair_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match=r"faces: expected one of dlib, .*yunet\+sface"):
        load("gabor", Settings.from_env({"DOME_HOME": str(tmp_path)}))


@pytest.mark.parametrize("name", [n for n in names() if n != "dlib"])
def test_where_weights_are_absent_it_says_which_file_to_put_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no way out")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(WeightsError, match=r"fetch \S+\.onnx .* another machine and put it into \S+weights"):
        load(name, Settings.from_env({"DOME_HOME": str(tmp_path)}))


def test_what_is_no_network_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(b"no network")
    settings = Settings.from_env({"DOME_HOME": str(tmp_path), "DOME_WEIGHTS": str(tmp_path)})
    with pytest.raises(WeightsError, match="expected face-yunet with sha256 8f2383e4"):
        load("yunet+dlib", settings)


def test_what_passes_for_weights_but_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "retinaface.onnx").write_bytes(b"no network")  # nobody published its digest
    settings = Settings.from_env({"DOME_HOME": str(tmp_path), "DOME_WEIGHTS": str(tmp_path)})
    with pytest.raises(WeightsError, match=r"deepface cannot load .*retinaface\.onnx"):
        load("retinaface+dlib", settings)


class Region:
    """As deepface gives them: left and right are the person's."""

    x, y, w, h = 10, 20, 30, 40
    left_eye, right_eye, nose = (32, 35), (18, 34), (25, 45)
    confidence = 0.9


def test_a_region_of_deepface_becomes_a_face() -> None:
    face = face_of(Region())
    assert face == Face((10.0, 20.0, 40.0, 60.0), 0.9, ((18.0, 34.0), (32.0, 35.0)), (25.0, 45.0))
    assert face_of(type("Blind", (Region,), {"right_eye": None, "nose": None})()).eyes is None


@pytest.mark.slow
def test_two_copies_side_by_side_are_two_faces(pair: FacePair) -> None:
    assert len(pair.finder.find(beside(2))) == 2
