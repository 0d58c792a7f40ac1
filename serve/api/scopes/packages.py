"""Evidence packages for courts, of cases in the caller's districts."""

from __future__ import annotations

from flows.court.export import export
from flows.court.gather import gather, note_export, sealing_of
from serve.api.problems import NO_SUCH, Problem
from serve.api.scope import Bounds
from serve.api.scopes.violations import Violations
from serve.api.services import Services


class Packages:
    """Makes packages."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def of(self, violation_id: str) -> bytes:
        """The package of a violation, as a zip; see :mod:`flows.court`.

        Raises:
            Problem: 404 if there is no such violation in the caller's districts, or no package of it yet.
            ExportRefused: If what is stored is not what was hashed.
            StoreError: If it cannot be read now.
        """
        entry = Violations(self._services, self._bounds).one(violation_id)
        if entry.evidence is None:
            raise Problem(404, NO_SUCH)
        services = self._services
        material = gather(violation_id, services.results, services.evidence)
        made = export(material, sealing_of(services.config.settings, services.now()))
        note_export(services.config.redis_url, self._bounds.person.sub, material, made)
        return made
