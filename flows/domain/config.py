"""What every model of the site file is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""An id that is safe in file names, Redis keys, metric labels and addresses."""


class Config(BaseModel):
    """Base of all site models: frozen; unknown keys are errors, and so are numbers that are not finite.

    Validators are built when they are first asked for: a camera is handed its part of the site checked already, and is
    1.7 MB smaller without them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)
