"""Stands in for yaml until it is used; see the package's docstring."""

from __future__ import annotations

from typing import Any

from flows.lean import really


def __getattr__(name: str) -> Any:
    if name.startswith("__"):  # asked of every module by importers and inspectors
        raise AttributeError(name)
    return getattr(really("yaml"), name)
