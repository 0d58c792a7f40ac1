"""Photos of searched persons, sealed (:mod:`flows.store.vault`); they go with their case."""

from __future__ import annotations

from typing import Protocol


class Probes(Protocol):
    """Probe photos. Written by ``Cases.create``, deleted by the end of their case.

    Both raise ``StoreError`` if Redis is away or the photo cannot be opened, ``FieldError`` if it is not there.
    """

    def get(self, case_id: str, probe_id: str) -> bytes:
        """A photo, JPEG, for the gallery.

        Raises:
            CaseError: If its case is not active: nothing may be searched with it.
        """
        ...

    def view(self, case_id: str, probe_id: str, by: str) -> bytes:
        """A photo for a person; that they saw it is written down."""
        ...
