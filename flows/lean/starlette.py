"""Says that it is not installed; see the package's docstring."""

raise ModuleNotFoundError("starlette is hidden from camera actors", name="starlette")
