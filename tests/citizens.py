"""Citizens' reports as channels send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.domain.reports import Report, Reporter, tracking_id

AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def report(
    reference: str = "17", channel: str = "egov", text: str = "A car on the crosswalk", **changes: Any
) -> Report:
    """Somebody stopped on a crosswalk in the middle of Almaty."""
    values: dict[str, Any] = {
        "id": tracking_id(channel, reference), "service": "prohibited_stopping", "text": text,
        "latitude": 43.24, "longitude": 76.91, "happened_at": AT, "district": "esil",
        "reporters": (Reporter(channel=channel, reference=reference, at=AT, text=text[:4000]),),
    }  # fmt: skip
    return Report.model_validate(values | changes)
