"""Says that it is not installed; see the package's docstring."""

raise ModuleNotFoundError("pyarrow is hidden from camera actors", name="pyarrow")
