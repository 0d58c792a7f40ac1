"""Keyed hashes of plates: reads that belong to no violation and no case are kept as these, and expire.

A plain hash of a plate could be reversed by trying all plates there are; HMAC-SHA256 (RFC 2104) cannot, by those
without the key. A key is known by its id, which stands in the hash: a new key may be put first while hashes of
the older one are still compared, and once the older key is dropped its hashes say nothing to anybody.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final, Self

from flows.domain.errors import FieldError
from flows.domain.platetext import normal_plate

VARIABLE: Final = "DOME_PLATE_KEY"
LEAST_BYTES: Final = 16
DIGEST_CHARS: Final = 32
"""128 bits: two of a million plates share a hash with a probability of one in 10^26."""
_PURPOSE: Final = b"dome plate 1\0"


@dataclass(frozen=True, slots=True)
class PlateHasher:
    """Hashes plates with the first of some keys, and recognises hashes of all of them.

    Attributes:
        keys: Secret by key id, the current one first.
    """

    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self | None:
        """From ``ID:HEX[,ID:HEX ...]``, the value of ``DOME_PLATE_KEY``; None where it is empty.

        Raises:
            FieldError: If it has another form, or a key is short. The keys are not in the message.
        """
        if not text.strip():
            return None
        keys: dict[str, bytes] = {}
        for part in text.split(","):
            name, _, secret = part.strip().partition(":")
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,15}", name) or name in keys:
                raise FieldError(VARIABLE, "ID:HEX[,ID:HEX ...] with distinct short ids", f"id {name!r}")
            if not re.fullmatch(rf"([0-9a-fA-F]{{2}}){{{LEAST_BYTES},}}", secret):
                raise FieldError(
                    VARIABLE, f"{LEAST_BYTES} bytes or more in hex for {name!r}", f"{len(secret)} signs"
                )
            keys[name] = bytes.fromhex(secret)
        return cls(keys)

    def hash(self, plate: str) -> str:
        """``ID:DIGEST`` of a plate with the current key; empty for an empty plate.

        >>> a = PlateHasher.of("k1:" + "07" * 16)
        >>> a.hash("123 abc 02") == a.hash("123ABC02"), a.hash("")
        (True, '')
        """
        text = normal_plate(plate)
        return self._digest(next(iter(self.keys)), text) if text else ""

    def hashes(self, plate: str) -> list[str]:
        """Its hashes by all of the keys, the current one first: what was kept may be of an older key."""
        text = normal_plate(plate)
        return [self._digest(name, text) for name in self.keys] if text else []

    def _digest(self, name: str, text: str) -> str:
        mac = hmac.new(self.keys[name], _PURPOSE + text.encode(), hashlib.sha256)
        return f"{name}:{mac.hexdigest()[:DIGEST_CHARS]}"
