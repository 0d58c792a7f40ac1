"""Which version of this software runs."""

from __future__ import annotations

from importlib import metadata
from typing import Final

UNKNOWN: Final = "unknown"


def software_version() -> str:
    """The installed distribution's version, or ``unknown`` in a bare checkout.

    A cluster may have the requirements alone and get the code with the job; evidence names the hash of the source too.
    """
    try:
        return metadata.version("digital-dome")
    except metadata.PackageNotFoundError:
        return UNKNOWN
