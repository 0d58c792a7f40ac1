"""The vault: what is biometric is kept only as tokens that nobody reads without the key.

A token is Fernet's (AES-128-CBC with HMAC-SHA256, https://github.com/fernet/spec): text, safe in JSON. Keys come from
``DOME_PROBE_KEY``, one or several with commas between, the current one first: tokens of the older ones are still read
(:meth:`Vault.renewed` writes them anew), and once a key is dropped its tokens say nothing to anybody.
"""

from __future__ import annotations

import hmac
from typing import Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from flows.domain.errors import FieldError, Unopened

VARIABLE: Final = "DOME_PROBE_KEY"
MAKE: Final = (
    'make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


class Vault:
    """Seals and opens with the keys of this installation.

    Args:
        keys: Of Fernet, the current one first, at least one.
    """

    def __init__(self, *keys: bytes) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._markers = [hmac.digest(key, b"marks of targets", "sha256") for key in keys]

    @classmethod
    def of(cls, text: str) -> Self:
        """From the value of ``DOME_PROBE_KEY``.

        Raises:
            FieldError: If it is empty or no key. The keys are not in the message.
        """
        keys = [part.strip().encode() for part in text.split(",") if part.strip()]
        if not keys:
            raise FieldError(VARIABLE, "a key for probe photos, 32 bytes in base64", "nothing", MAKE)
        try:
            return cls(*keys)
        except ValueError:
            got = "one that is no key" if len(keys) == 1 else f"{len(keys)}, of which one is no key"
            raise FieldError(
                VARIABLE, "32 bytes in URL-safe base64 each, with commas between", got, MAKE
            ) from None

    def seal(self, data: bytes) -> str:
        """A token of some bytes, by the current key."""
        return self._fernet.encrypt(data).decode()

    def open(self, token: str) -> bytes:
        """The bytes of a token.

        Raises:
            Unopened: If none of the keys made it, or it was changed.
        """
        try:
            return self._fernet.decrypt(token.encode())
        except InvalidToken:
            raise Unopened(
                f"a sealed picture cannot be opened: none of the keys in {VARIABLE} made it, or it was changed; "
                "put the key that it was made with behind the current one"
            ) from None

    def marks(self, text: str) -> list[str]:
        """Keyed digests of a text, one by each key: the same text is known again, and never read."""
        return [hmac.new(key, text.encode(), "sha256").hexdigest()[:40] for key in self._markers]

    def renewed(self, token: str) -> str:
        """The same bytes by the current key.

        Raises:
            Unopened: As :meth:`open`.
        """
        self.open(token)
        return self._fernet.rotate(token.encode()).decode()
