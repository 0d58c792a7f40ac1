"""Which channels may bring reports, and their keys: a file that only its owner reads, read again when it changes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from flows.domain.channels import Channel
from flows.domain.errors import FieldError
from flows.ownfile import write_own

KEY_BYTES: Final = 32
MOST_KEYS: Final = 2
"""The new one, and the one before until the channel has changed over."""


class ChannelBook:
    """The channels of this installation.

    Args:
        path: The file; none is no channel.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = (0, 0)
        self._channels: Mapping[str, Channel] = {}

    def all(self) -> Mapping[str, Channel]:
        """Channels by name.

        Raises:
            FieldError: If the file is damaged, or others may read it.
        """
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return {}
        if stat.st_mode & 0o077:
            raise FieldError(
                str(self.path),
                "a file that only its owner can read",
                "wider rights",
                f"chmod 600 {self.path}",
            )
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._channels, self._stamp = self._read(), stamp
        return self._channels

    def add(self, name: str) -> str:
        """Makes a channel; its key, which nobody is told again.

        Raises:
            FieldError: If there is one of that name, or it is no name.
        """
        with self._changing() as channels:
            if name in channels:
                raise FieldError("channel", "a new name", repr(name), "dome channel renew makes another key")
            return self._keyed(channels, name, ())

    def renew(self, name: str) -> str:
        """Makes another key for a channel; the newest one before is good until the next renewal.

        Raises:
            FieldError: If there is none of that name.
        """
        with self._changing() as channels:
            before = tuple(k.get_secret_value() for k in _known(channels, name).keys[: MOST_KEYS - 1])
            return self._keyed(channels, name, before)

    def remove(self, name: str) -> None:
        """Ends a channel: nothing that it signs is taken any more.

        Raises:
            FieldError: If there is none of that name.
        """
        with self._changing() as channels:
            del channels[_known(channels, name).name]

    @staticmethod
    def _keyed(channels: dict[str, Channel], name: str, older: tuple[str, ...]) -> str:
        key = secrets.token_urlsafe(KEY_BYTES)
        try:
            channels[name] = Channel.model_validate({"name": name, "keys": (key, *older)})
        except ValidationError:
            raise FieldError("channel", "a name of small letters, digits and -", repr(name)) from None
        return key

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Channel]]:
        """All channels, to be changed; written when this ends well. One change at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.with_suffix(".lock").open("a") as lock:
            flock(lock, LOCK_EX)
            channels = dict(self.all())
            yield channels
            rows = {n: [k.get_secret_value() for k in c.keys] for n, c in sorted(channels.items())}
            write_own(self.path, json.dumps(rows, indent=1).encode())

    def _read(self) -> dict[str, Channel]:
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            return {name: Channel.model_validate({"name": name, "keys": keys}) for name, keys in rows.items()}
        except (ValueError, AttributeError) as error:
            # A validation error repeats what it was given, and that is a key.
            why = type(error).__name__
            raise FieldError(
                str(self.path), "channels with their keys, as JSON", f"something else ({why})"
            ) from None


def _known(channels: Mapping[str, Channel], name: str) -> Channel:
    if name not in channels:
        raise FieldError("channel", f"one of {', '.join(sorted(channels)) or 'none yet'}", repr(name))
    return channels[name]
