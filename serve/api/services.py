"""What the routes work with: stores and the like, opened once a replica."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flows.store.evidence import EvidenceStore
from flows.store.exemptions import ExemptionsStore
from flows.store.results import ResultsStore
from flows.store.violations import ViolationsStore
from serve.api.alerts import AlertHub
from serve.api.config import ApiConfig
from serve.api.identity import Identity, keys_for


@dataclass
class Services:
    """Open stores of one replica. Routes never touch them: their scopes do (:mod:`serve.api.scope`).

    Attributes:
        config: Of the API.
        identity: Reads tokens.
        results: Events, cameras, counters.
        violations: Lists of violations.
        exemptions: Lists of exempt plates.
        evidence: Evidence packages.
        alerts: The live stream of events.
        now: The present, aware UTC.
    """

    config: ApiConfig
    identity: Identity
    results: ResultsStore
    violations: ViolationsStore
    exemptions: ExemptionsStore
    evidence: EvidenceStore
    alerts: AlertHub
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @classmethod
    def open(cls, config: ApiConfig) -> Services:
        """Opens what a configuration names; nothing connects yet.

        Raises:
            FieldError: If an address or a key is malformed.
            StoreError: If no driver for the evidence's address is there.
        """
        url, home = config.redis_url, config.settings.home
        results = ResultsStore(url)
        return cls(
            config=config,
            identity=Identity(config.oidc, keys_for(config.oidc, home)),
            results=results,
            violations=ViolationsStore(url),
            exemptions=ExemptionsStore(url),
            evidence=EvidenceStore(config.settings.evidence),
            alerts=AlertHub(url, config.listeners),
        )

    async def start(self) -> None:
        """Called once, in the replica's event loop."""
        await self.alerts.start()

    async def close(self) -> None:
        """Ends what runs and gives the connections back."""
        await self.alerts.close()
        self.results.close()
        self.violations.close()
        self.exemptions.close()
