from __future__ import annotations

import pytest

from flows.scenes import opengl


@pytest.fixture
def drawn() -> None:
    """For tests that render: skips where there is no OpenGL."""
    try:
        opengl.require()
    except opengl.SceneUnavailable as error:
        pytest.skip(str(error))
