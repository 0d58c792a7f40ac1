"""Citizens' reports in Redis: each written once however often it is sent, and changed by one person at a time.

| key | type | holds |
|---|---|---|
| ``{dome}:report:ID`` | hash | ``json``: the report, ``version``, ``district`` |
| ``{dome}:reports:district:D`` | sorted set | reports of a district (empty: nobody's) by when they came, ms |
| ``{dome}:reports:districts`` | set | districts that have reports |
| ``{dome}:reports:open`` | geo | open reports by place |
| ``{dome}:nonce:CHANNEL:N`` | string | a nonce of a channel, until it may be used no more because of its age |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from flows.domain.errors import DomeError
from flows.domain.masking import masked
from flows.domain.reports import Report
from flows.store import keys
from flows.store.connection import client, script, told

ANSWER_S: Final = 3.0
OPEN: Final = f"{keys.PREFIX}reports:open"
MOST: Final = 200


class ReportChanged(DomeError):
    """Somebody else has changed the report meanwhile; look at it again."""


class ReportsStore:
    """Reads and writes reports. Safe to use from several threads.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(self, url: str) -> None:
        self._address = masked(url)
        self._client = client(url, ANSWER_S)
        self._write = self._client.register_script(script("report"))

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def add(self, report: Report) -> Report:
        """Keeps a new report; the one that is there already where it was sent before.

        Raises:
            StoreError: If Redis is away: it may be there all the same; send it again.
        """
        if self._written([(report, "")]):
            return report
        return self.get(report.id) or report

    def replace(self, *reports: tuple[Report, int]) -> None:
        """Writes changed reports, all or none.

        Args:
            *reports: Each with the version that it was made from.

        Raises:
            ReportChanged: If one of them is of another version now.
            StoreError: If Redis is away.
        """
        if not self._written([(report, str(version)) for report, version in reports]):
            raise ReportChanged(
                "expected a report as you saw it, got one that was changed meanwhile; look again"
            )

    def get(self, report_id: str) -> Report | None:
        """One report, or None.

        Raises:
            StoreError: If Redis is away.
        """
        return next(iter(self.several([report_id])), None)

    def several(self, ids: Iterable[str]) -> list[Report]:
        """Reports by id, without those that are not there.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read reports", self._address):
            pipe = self._client.pipeline(transaction=False)
            for report_id in ids:
                pipe.hget(_record(report_id), "json")
            rows: list[bytes | None] = pipe.execute()
        return [Report.model_validate_json(row) for row in rows if row is not None]

    def near(self, latitude: float, longitude: float, radius_m: float) -> list[Report]:
        """Open reports round a place, the nearest first.

        Raises:
            StoreError: If Redis is away.
        """
        with told("search reports", self._address):
            ids: Any = self._client.geosearch(
                OPEN,
                longitude=longitude,
                latitude=latitude,
                radius=radius_m,
                unit="m",
                sort="ASC",
                count=MOST,
            )
        return self.several(i.decode() for i in ids)

    def newest(
        self, districts: Sequence[str], count: int = 50, before_ms: float | None = None
    ) -> list[Report]:
        """Reports of districts, the newest first.

        Raises:
            StoreError: If Redis is away.
        """
        found: list[tuple[float, str]] = []
        with told("read reports", self._address):
            for district in districts:
                high: Any = "+inf" if before_ms is None else f"({before_ms}"
                rows: Any = self._client.zrange(
                    _district(district), high, "-inf", desc=True, byscore=True, offset=0,
                    num=min(count, MOST), withscores=True,
                )  # fmt: skip
                found += [(score, name.decode()) for name, score in rows]
        newest = sorted(found, reverse=True)[:count]
        return self.several(name for _, name in newest)

    def districts(self) -> list[str]:
        """Districts that have reports.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read reports", self._address):
            names: Any = self._client.smembers(f"{keys.PREFIX}reports:districts")
        return sorted(name.decode() for name in names)

    def unseen(self, nonce: str, seconds: int) -> bool:
        """Remembers a channel's nonce; False if it was known. See :data:`flows.channels.Unseen`.

        Raises:
            StoreError: If Redis is away: nothing may be accepted then.
        """
        with told("remember a nonce", self._address):
            return bool(self._client.set(f"{keys.PREFIX}nonce:{nonce}", b"1", nx=True, ex=seconds))

    def _written(self, reports: Sequence[tuple[Report, str]]) -> bool:
        args: list[str | int | float | bytes] = [keys.PREFIX]
        for report, before in reports:
            ms = round(report.received_at.timestamp() * 1000)
            # Redis keeps places up to 85.05 degrees; farther poleward nobody reports.
            latitude = max(-85.05, min(85.05, report.latitude))
            args += [report.id, before, report.version, report.model_dump_json(), report.district, ms]
            args += [report.longitude, latitude, "1" if report.open else "0"]
        with told("write reports", self._address):
            answer: Any = self._write(keys=[OPEN], args=args)
        return bool(answer == b"")


def _record(report_id: str) -> str:
    return f"{keys.PREFIX}report:{report_id}"


def _district(name: str) -> str:
    return f"{keys.PREFIX}reports:district:{name}"
