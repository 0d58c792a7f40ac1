"""The routes, a noun a file. Each file's ``router`` is found by itself and mounted below ``/api/v1``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    """The routers of all files here, by name."""
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        yield import_module(f"{__name__}.{found.name}").router
