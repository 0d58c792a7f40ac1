"""``dome search-faces``: evaluation only; what it says, and that it writes nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from portraits import astronaut, head, jpeg
from typer.testing import CliRunner

from cluster.cli import app


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    gallery, images = tmp_path / "gallery", tmp_path / "images"
    gallery.mkdir()
    images.mkdir()
    (gallery / "wanted.jpg").write_bytes(jpeg(astronaut()))
    (images / "seen.jpg").write_bytes(
        jpeg(np.pad(head(150), ((60, 60), (60, 60), (0, 0)), constant_values=128))
    )
    (images / "empty.jpg").write_bytes(jpeg(np.full((200, 200, 3), 90, np.uint8)))
    return gallery, images


def search(*arguments: str, home: Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["search-faces", *arguments], env={"DOME_HOME": str(home)})
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.slow
def test_a_face_of_the_gallery_is_a_hit_with_what_it_means(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    gallery, images = map(str, folders)
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = search("--gallery", gallery, "--images", images, "--json", home=tmp_path / "home")
    found = json.loads(out)
    assert code == 0
    (match,) = found["matches"]
    assert (match["image"], match["nearest"], match["hit"]) == ("seen.jpg", "wanted.jpg", True)
    assert match["similarity"] >= found["threshold"] > 0.94
    assert match["false_alarms"] < 1000
    assert found["without_face"] == ["empty.jpg"]
    written = [
        p for p in sorted(tmp_path.rglob("*")) if p not in before and p.is_file() and not p.is_symlink()
    ]
    assert written == []


@pytest.mark.slow
def test_of_several_faces_it_says_where_each_is(folders: tuple[Path, Path], tmp_path: Path) -> None:
    one = np.pad(head(150), ((60, 60), (60, 60), (0, 0)), constant_values=128)
    (folders[1] / "two.jpg").write_bytes(jpeg(np.hstack([one, one])))
    code, out, _ = search("--gallery", str(folders[0]), "--images", str(folders[1]), home=tmp_path / "home")
    rows = [line for line in out.splitlines() if line.startswith("two.jpg")]
    assert code == 0
    assert len({re.search(r"\d+, \d+ px", row)[0] for row in rows}) == 2
    assert "a hit: 0." in out
    assert "0.1 % of other people's faces would be taken for one who is searched for" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--budget", "1e-12"), "fewer were not measured"),
        (("--model", "gabor"), "faces: expected one of dlib"),
        (("--images", "nowhere"), "--images: expected a folder of photographs"),
    ],
)
def test_what_cannot_be_done_is_said(
    folders: tuple[Path, Path], tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    gallery, images = map(str, folders)
    code, _, err = search("--gallery", gallery, "--images", images, *change, home=tmp_path / "home")
    assert code in (1, 2)
    assert message in " ".join(err.split())


def spoil(folder: Path) -> dict[str, str]:
    """Puts what is no photograph into a folder; what was expected of each, by its path."""
    (folder / "notes.jpg").write_bytes(b"not a picture")
    (folder / "cut.jpg").write_bytes(jpeg(head(150))[:900])
    (folder / "folder.png").mkdir()
    (folder / "gone.webp").symlink_to(folder / "nowhere")
    said = {"notes.jpg": "a picture", "cut.jpg": "a picture", "folder.png": "a file", "gone.webp": "a file"}
    return {str(folder / name): expected for name, expected in said.items()}


@pytest.mark.slow
def test_a_bad_picture_is_named_with_what_is_wrong_and_the_others_are_compared(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    expected = spoil(folders[0]) | spoil(folders[1])
    gallery, images = map(str, folders)
    code, out, err = search("--gallery", gallery, "--images", images, "--json", home=tmp_path / "home")
    found = json.loads(out)
    assert (code, err) == (1, "")
    assert [(match["image"], match["hit"]) for match in found["matches"]] == [("seen.jpg", True)]
    assert (found["gallery"], found["photographs"], found["unread"]) == (1, 2, 8)
    assert {each["field"] for each in found["problems"]} == expected.keys()
    for each in found["problems"]:
        assert each["expected"].startswith(expected[each["field"]])
        assert each["got"]
    code, out, err = search("--gallery", gallery, "--images", images, home=tmp_path / "home")
    assert code == 1
    assert "seen.jpg" in out
    said = " ".join(err.split())
    assert [
        path for path, wanted in expected.items() if f"error: {path}: expected {wanted}" not in said
    ] == []
    assert "8 photographs could not be looked into" in said


@pytest.mark.slow
def test_a_gallery_of_which_nothing_can_be_looked_into_says_why(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (folders[0] / "wanted.jpg").write_bytes(b"not a picture")
    code, out, err = search(
        "--gallery", str(folders[0]), "--images", str(folders[1]), "--json", home=tmp_path / "home"
    )
    said = " ".join(err.split())
    assert (code, out) == (2, "")
    assert "--gallery: expected at least one face, got none in 1 photographs" in said
    assert f"{folders[0] / 'wanted.jpg'}: expected a picture" in said
