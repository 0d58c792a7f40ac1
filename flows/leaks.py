"""What keeps pictures of people out of files that nobody thinks of: Ray's object store and core dumps."""

from __future__ import annotations

import os
import resource
from typing import Final

from flows.domain.errors import DomeError
from flows.domain.faces import MOST_BYTES

VARIABLE: Final = "RAY_max_direct_call_object_size"
DEFAULT_BYTES: Final = 100 * 1024
AROUND: Final = 8_000
"""What a message holds besides the picture."""


def without_dumps() -> None:
    """This process leaves no core dump when it dies: its memory may hold a face. Called when it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def inline_bytes() -> int:
    """Up to this size Ray sends an argument in the message itself, not through its object store.

    Ray's default is 100 KiB (``src/ray/common/ray_config_def.h``); a test sees to it that it still holds.
    """
    return int(os.environ.get(VARIABLE) or DEFAULT_BYTES)


def check_inline() -> None:
    """Refuses to run where Ray was told to put small arguments into its object store, too.

    Raises:
        DomeError: Naming the setting.
    """
    limit = inline_bytes()
    if limit < MOST_BYTES + AROUND:
        raise DomeError(
            f"{VARIABLE}: expected {MOST_BYTES + AROUND} or more, so that pictures of people stay "
            f"out of the object store, got {limit}"
        )
