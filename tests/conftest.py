"""Makes this folder importable: builders shared by unit and integration tests live in it (``media``)."""
