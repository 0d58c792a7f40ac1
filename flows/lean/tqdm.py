"""Says that it is not installed; see the package's docstring."""

raise ModuleNotFoundError("tqdm is hidden from camera actors", name="tqdm")
