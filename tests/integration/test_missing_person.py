"""Somebody with a real face walks through a rendered hall that four cameras see: found on each of them, nobody else is.

The real finder, embedder, tracker, camera stage and search; only detections are the scene's truth, and Ray is left out.
``python -m cluster.bench faces`` does the same in other halls with the embedded detector.
"""

from __future__ import annotations

import numpy as np
import pytest

from cluster.bench.missing import walk
from flows.domain.detections import Detections
from flows.scenes.kinds import hall
from flows.scenes.opengl import SceneUnavailable, require
from flows.scenes.scene import RenderedFrame
from flows.settings import Settings
from models.faces.looker import FaceLooker, make

SEED = 5


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> FaceLooker:
    return make("dlib", Settings.from_env({"DOME_HOME": str(tmp_path_factory.mktemp("home"))}))


def in_truth(rendered: RenderedFrame) -> Detections:
    """Everybody who can be seen, as the scene has them."""
    people = [o for o in rendered.truth.objects if o.cls == "person" and o.visible > 0.2]
    return Detections(
        np.array([o.xyxy for o in people], np.float32).reshape(-1, 4),
        np.full(len(people), 0.9, np.float32),
        np.zeros(len(people), np.int32),
        ("person",),
    )


@pytest.mark.parametrize("pose", hall.WAYS)
async def test_a_missing_person_is_found_where_the_face_is_60_px_or_more(pose: str, eyes: FaceLooker) -> None:
    try:
        require()
    except SceneUnavailable as error:
        pytest.skip(str(error))
    walked = await walk(SEED, pose, eyes, in_truth)
    assert walked.asked, "the scene does not show what this is about"
    (lead,) = walked.leads
    likeness = lead.data["likeness"]
    assert likeness["similarity"] >= likeness["threshold"]  # type: ignore[index, call-overload, operator]
    assert walked.looked > 2
