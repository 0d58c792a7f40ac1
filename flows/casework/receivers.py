"""Ways to the electronic proceedings: a folder that another system empties, or an HTTP address."""

from __future__ import annotations

import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx

from flows.domain.errors import FieldError
from flows.domain.filing import Filing, Receiver, ReceiverAway, ReceiverBars, ReceiverRefuses
from flows.domain.masking import masked

ANSWER_S: Final = 10.0
"""Proceedings that take longer are taken for away; the filing is sent again and taken once."""
SIGNATURE: Final = "Dome-Signature"
FINAL: Final = (400, 413, 422)
"""Answers that are about the filing itself. A wrong key (401), or a gateway while what is behind it is deployed, is
about the way there: it is put right, and nothing may be lost until then."""
BARRED: Final = (403, 404, 405, 410)
"""Answers that may be about either: a wrong path, or one district that is not served, a case that is not known."""


class FolderReceiver:
    """A file a filing, ``KEY.json``. Each appears whole or not at all; one that is there stays as it is.

    Whoever takes files away keeps what it has taken (or moves it to ``taken/`` here), so that a filing sent again
    is known.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, filing: Filing) -> str:
        """See :class:`flows.domain.filing.Receiver`."""
        target = self._folder / f"{filing.key}.json"
        part = self._folder / f".{filing.key}.{os.getpid()}.part"
        said = "had it"
        try:
            if (self._folder / "taken" / target.name).exists():
                return said
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(filing.model_dump_json(indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                target.hardlink_to(part)
                said = "written"
            part.unlink()
        except OSError as error:
            raise ReceiverAway(f"cannot write to {self._folder}: {error}") from error
        return said


class HttpReceiver:
    """POSTs each filing with its key as ``Idempotency-Key``; 2xx and 409 (it has that key) are taken,
    400, 413 and 422 refused, and all else is tried again; 403, 404, 405 and 410 for some days.

    Args:
        url: Where to.
        key: Secret shared with the receiver; the body's HMAC-SHA256 goes with it. Empty signs nothing.
        client: For tests.
    """

    def __init__(self, url: str, key: str = "", client: httpx.Client | None = None) -> None:
        self._url, self._key = url, key.encode()
        self._client = client or httpx.Client(timeout=ANSWER_S, follow_redirects=False)

    def deliver(self, filing: Filing) -> str:
        """See :class:`flows.domain.filing.Receiver`."""
        body = filing.model_dump_json().encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": filing.key}
        if self._key:
            headers[SIGNATURE] = f"sha256={hmac.new(self._key, body, hashlib.sha256).hexdigest()}"
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise ReceiverAway(f"{masked(self._url)}: {type(error).__name__}: {error}") from error
        if answer.is_success:
            return f"{answer.status_code}"
        if answer.status_code == 409:
            return "had it"
        said = f"{masked(self._url)}: {answer.status_code} {answer.text[:200]}"
        if answer.status_code in FINAL:
            raise ReceiverRefuses(said)
        raise ReceiverBars(said) if answer.status_code in BARRED else ReceiverAway(said)


def receiver_for(address: str, key: str = "") -> Receiver | None:
    """The receiver at an address (``DOME_PROCEEDINGS``); None for an empty one.

    Raises:
        FieldError: If it is neither a folder nor an https address (or http on this machine).
    """
    if not address:
        return None
    if address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        return HttpReceiver(address, key)
    if "://" in address:
        raise FieldError("DOME_PROCEEDINGS", "a folder or an https address", masked(address))
    return FolderReceiver(Path(address))
