"""`dome evaluate detector` on a few pictures: the whole way from scene to score."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from cluster.evaluate_detector import evaluate_detector
from flows.scenes.opengl import SceneUnavailable, require
from flows.settings import Settings


def test_the_embedded_detector_is_scored_on_unseen_scenes() -> None:
    try:
        require()
    except SceneUnavailable as error:
        pytest.skip(str(error))
    result = evaluate_detector("embedded", Settings.from_env({}), scenes_a_kind=1, frames=2)
    assert result.images == 6
    assert result.per_class["car"].truths > 0
    assert result.map50 > 0.2
    assert result.map50_95 < result.map50
    assert 0 < result.ms_per_image < 1000
    assert json.loads(json.dumps(asdict(result), allow_nan=False))["per_class"]["car"]["ap50"] > 0.2
