"""Makes this folder importable: builders shared by unit and integration tests live in it (``media``)."""

from __future__ import annotations

from functools import cache

import typer.testing

# The runner would make all of dome's commands anew at each call, a tenth of a second.
typer.testing._get_command = cache(typer.testing._get_command)
