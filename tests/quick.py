"""Rows of a table of which the quick check asks a few, and the whole suite all."""

from __future__ import annotations

from typing import Any

import pytest


def first(*values: Any, count: int = 1) -> list[Any]:
    """The first ones ask the quick question, the others ask it again elsewhere or with other noise."""
    return [*values[:count], *(pytest.param(value, marks=pytest.mark.slow) for value in values[count:])]
