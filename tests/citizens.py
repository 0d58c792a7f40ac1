"""Citizens' reports as channels send them."""

from __future__ import annotations

import io
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import Image

from flows.domain.channels import signature
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


def signed(
    name: str, key: str, method: str, target: str, body: bytes, late_s: float = 0, nonce: str = ""
) -> dict[str, str]:
    """The headers of a request that a channel signs."""
    stamp, nonce = int(time.time() + late_s), nonce or secrets.token_hex(12)
    made = signature(key, stamp, nonce, method, target, body)
    return {"X-Dome-Channel": name, "X-Dome-Timestamp": str(stamp), "X-Dome-Nonce": nonce,
            "X-Dome-Signature": made}  # fmt: skip


def photo(seed: int = 0, size: tuple[int, int] = (320, 240)) -> bytes:
    """A JPEG of noise."""
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()
