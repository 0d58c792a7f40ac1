"""Faces: a finder and an embedder behind one protocol. What they are for is :mod:`flows.faces`."""

from __future__ import annotations

from flows.domain.errors import FieldError
from models import weights
from models.catalog import CATALOG
from models.faces.base import Face, FaceEmbedder, FaceFinder, FacePair

__all__ = ["DEFAULT", "Face", "FaceEmbedder", "FaceFinder", "FacePair", "load", "names"]

DEFAULT = "dlib"


def names() -> list[str]:
    """What :func:`load` takes: an embedded pair, or ``FINDER+EMBEDDER``."""
    from models.faces.networks import EMBEDDERS, FINDERS

    finders, embedders = ["dlib", *FINDERS], ["dlib", *EMBEDDERS]
    return [DEFAULT, *(f"{f}+{e}" for f in finders for e in embedders if f + e != "dlibdlib")]


def load(name: str, places: weights.Places) -> FacePair:
    """A finder and an embedder, ready to run.

    Args:
        name: One of :func:`names`; ``dlib`` needs no download.
        places: Where weights lie (``flows.settings.Settings``).

    Raises:
        FieldError: If there is no such pair.
        WeightsError: If weights are absent and out of reach (says which file to put where), or damaged.
    """
    if name not in names():
        raise FieldError("faces", f"one of {', '.join(names())}", repr(name))
    found, _, embedded = name.partition("+")
    finder, used = _finder(found, places)
    embedder, used_too = _embedder(embedded or found, places)
    return FacePair(name, finder, embedder, {each: CATALOG[each].licence for each in (*used, *used_too)})


def _finder(name: str, places: weights.Places) -> tuple[FaceFinder, list[str]]:
    if name == "dlib":
        from models.faces.dlib import LANDMARKS, DlibFinder

        return DlibFinder(places), [LANDMARKS]
    from models.faces.networks import FINDERS, NetworkFinder

    return NetworkFinder(name, places), [FINDERS[name].weights]


def _embedder(name: str, places: weights.Places) -> tuple[FaceEmbedder, list[str]]:
    if name == "dlib":
        from models.faces.dlib import LANDMARKS, NETWORK, DlibEmbedder

        return DlibEmbedder(places), [LANDMARKS, NETWORK]
    from models.faces.networks import EMBEDDERS, NetworkEmbedder

    return NetworkEmbedder(name, places), [EMBEDDERS[name].weights]
