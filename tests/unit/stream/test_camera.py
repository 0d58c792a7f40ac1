"""What a camera makes of Ray's errors, without Ray."""

from __future__ import annotations

from typing import NoReturn, cast

import numpy as np
import pytest
from ray.exceptions import ObjectStoreFullError

from flows.domain.errors import DetectorAway
from flows.domain.inference import DetectRequest
from flows.stream.camera import Detector, Gateway


def test_a_full_object_store_is_asked_again_like_a_detector_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: object) -> NoReturn:
        raise ObjectStoreFullError("no room")

    monkeypatch.setattr("flows.stream.camera.ray.put", full)
    detector = Detector("d", cast(Gateway, None))
    with pytest.raises(DetectorAway, match="object store: ObjectStoreFullError: no room"):
        detector.put(DetectRequest(np.zeros((1, 2, 2, 3), np.uint8), (2, 2)))
