"""Evidence packages for courts, of violations and of confirmed leads in the caller's districts."""

from __future__ import annotations

from flows.court.export import Material, export
from flows.court.gather import gather, note_export, sealing_of
from flows.court.lead import gather_lead
from flows.domain.errors import FieldError
from flows.version import software_version
from serve.api.problems import NO_SUCH, Problem
from serve.api.scope import Bounds
from serve.api.scopes.cases import Cases
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
        return self._made(gather(violation_id, self._services.results, self._services.evidence))

    def of_lead(self, lead_id: str) -> bytes:
        """The package of a lead that two people have confirmed; see :mod:`flows.court.lead`. That the caller sees its
        pictures is written down, too.

        Raises:
            Problem: 404 if it is none of theirs, or kept no more.
            ExportRefused: If two people have not confirmed it; whether one has is not said.
            StoreError: If Redis is away.
        """
        services = self._services
        services.cases.sweep()  # what had to go by now is in no package
        Cases(services, self._bounds).lead(lead_id)
        try:
            material = gather_lead(
                lead_id, services.leads, services.cases, self._bounds.person.sub, software_version()
            )
        except FieldError as error:
            if error.field in ("lead", "crop"):
                raise Problem(404, NO_SUCH) from None
            raise
        return self._made(material)

    def _made(self, material: Material) -> bytes:
        """The zip, handed over once it is in the audit log who takes it out of the house."""
        services = self._services
        made = export(material, sealing_of(services.config.settings, services.now()))
        note_export(services.config.redis_url, self._bounds.person.sub, material, made)
        return made
