"""Stands in for filelock until a lock is made; see the package's docstring."""

from __future__ import annotations

from typing import Any

from flows.lean import really


def FileLock(*args: Any, **named: Any) -> Any:  # noqa: N802 - filelock's own name
    """See ``filelock.FileLock``: it is loaded when the first lock is made."""
    return really("filelock").FileLock(*args, **named)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):  # asked of every module by importers and inspectors
        raise AttributeError(name)
    return getattr(really("filelock"), name)
