"""Is there an OpenGL that draws without a display? Found out before anything is opened."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

from flows.domain.errors import DomeError

LIBRARIES = ("libEGL.so.1", "libGL.so.1")
PACKAGES = "libegl1 libgl1 libgl1-mesa-dri"


class SceneUnavailable(DomeError):
    """This machine cannot render scenes."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"scenes cannot be rendered here: {why}; expected OpenGL 3.3 without a display. "
            f"On Debian or Ubuntu: apt-get install {PACKAGES}"
        )


@cache
def require() -> None:
    """Checks that the libraries load.

    Raises:
        SceneUnavailable: If one of them is missing, with the packages that bring it.
    """
    for name in LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError as error:
            raise SceneUnavailable(f"{name} does not load ({error})") from error


def keep_triton_out(renderer: str) -> None:
    """Makes ``import triton`` an ImportError in a process in which Mesa draws in software.

    Mesa brings its LLVM for everyone in the process; triton, which torch and torchvision import by the way, brings
    another one, which then dies of a segmentation fault. torch does without triton, and uses it on GPUs only.

    Args:
        renderer: What OpenGL says draws.
    """
    if "llvmpipe" in renderer:
        sys.modules.setdefault("triton", None)  # type: ignore[arg-type]
