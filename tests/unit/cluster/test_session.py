from __future__ import annotations

import logging

import pytest

from cluster.session import _unasked


@pytest.mark.parametrize(("said", "kept"), [("enabled", False), ("disabled", True)])
def test_only_that_authentication_is_off_is_told(said: str, kept: bool) -> None:
    text = f"Token authentication is {said} for this Ray cluster. Set ..."

    assert _unasked(logging.LogRecord("ray", logging.WARNING, "", 0, text, (), None)) is kept
