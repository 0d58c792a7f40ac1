"""Changes of the searches: each together with its audit entries, in one script, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue

from flows.domain.audit import Action
from flows.domain.errors import CaseError
from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, script, told

ANSWER_S: Final = 5.0
"""The end of a case with a thousand leads takes Redis about half a second."""
CLOCK_BACK: Final = -1
GRACE_MS: Final = 600_000
"""What must go is deleted by whoever sweeps, each with its audit entry; if nobody does for so long, Redis itself
lets it expire, and the entry follows when somebody sweeps again."""

AHEAD: Final = timedelta(seconds=30)
"""So far beyond Redis's clock a machine's own is believed where what it says cannot be undone: a search that has ended
does not come back when the clock is set right. Two clocks that somebody sets differ by less than a second; and it is
less than the minute by which ``commit.lua`` lets a strict change be behind, so that one clock ahead bars nobody's."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, aware UTC."""
    return datetime.now(UTC)


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def from_ms(ms: float | str | bytes) -> datetime:
    """The time of milliseconds since 1970."""
    return datetime.fromtimestamp(float(ms) / 1000, UTC)


@dataclass(slots=True)
class Change:
    """What ``commit.lua`` does; see there.

    Attributes:
        guards: A command and the answer it must give (None: nothing).
        commands: What is changed.
        entries: JSON texts of audit entries, made by :func:`entry`.
        drop: What a case loses, or which lead goes.
        alert: Field and value, field and value ...; the first pair is the lead's id.
        extend: A case whose unconfirmed leads may live until that time, ms.
        strict: Refuse it while the clock is behind what it was.
    """

    guards: list[tuple[list[str], str | None]] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    drop: list[dict[str, Any]] = field(default_factory=list)
    alert: list[str] | None = None
    extend: tuple[str, int] | None = None
    strict: bool = False


class Refused(Exception):
    """A guard failed, and nothing was changed.

    Args:
        guard: Its number in the change.
        got: What it answered; None for nothing.
    """

    def __init__(self, guard: int, got: str | None) -> None:
        super().__init__(guard, got)
        self.guard, self.got = guard, got


def entry(
    who: str, action: Action, *, case: str = "", subject: str = "", why: str = "", **details: JsonValue
) -> str:
    """An audit entry's own words, as JSON."""
    said = {"who": who, "action": action, "case": case, "subject": subject, "why": why, "details": details}
    return json.dumps({k: v for k, v in said.items() if v}, ensure_ascii=False, separators=(",", ":"))


def noted(url: str, said: str, what: str) -> None:
    """Writes an audit entry (of :func:`entry`) of something that changes nothing else, before it is done.

    Args:
        url: Of Redis.
        said: The entry.
        what: What is being done, for the error's text.

    Raises:
        StoreError: If Redis is away: then it is not done.
    """
    ledger = Ledger(url)
    try:
        ledger.commit(Change(entries=[said]), what)
    finally:
        ledger.close()


class Ledger:
    """Commits changes. Safe to use from several threads; nothing connects before the first call.

    Args:
        url: Of Redis.
        clock: The present; for tests: one that is given is not held against Redis's.
    """

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self.address = masked(url)
        self.client = client(url, ANSWER_S)
        self._clock = clock
        self._commit = self.client.register_script(script("sha256", "note", "commit"))

    def close(self) -> None:
        """Gives the connections back."""
        self.client.close()

    def now(self, given: datetime | None = None) -> datetime:
        """The present as the searches see it: it never goes back, whatever the machine's clock does.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read the time of the searches", self.address):
            mark: Any = self.client.get(keys.CLOCK)
        now = given or self._clock()
        return max(now, from_ms(mark)) if mark else now

    def surely_now(self, given: datetime | None = None) -> datetime:
        """The same for what cannot be undone: by Redis's clock, too, it is no later than :data:`AHEAD` from now.

        Raises:
            StoreError: If Redis is away.
        """
        return self.now(given or self.own_now())

    def own_now(self) -> datetime:
        """The present by this machine's clock, as far as Redis's bears it out, whatever the searches have seen.

        Raises:
            StoreError: If Redis is away.
        """
        now = self._clock()
        if self._clock is not utc_now:
            return now
        with told("hold the clocks against each other", self.address):
            said: Any = self.client.time()
        return min(now, datetime.fromtimestamp(said[0], UTC) + AHEAD)

    def commit(self, change: Change, what: str) -> int:
        """Does it; returns how many leads, probes and routes went.

        Raises:
            Refused: If a guard failed.
            CaseError: If it is strict and the clock has gone back.
            StoreError: If Redis is away: it may be done all the same.
        """
        asked = {
            "now": to_ms(self._clock()),
            "strict": change.strict,
            "guards": [
                [command, expected if expected is not None else False] for command, expected in change.guards
            ],
            "commands": change.commands,
            "entries": change.entries,
            "drop": change.drop,
        }
        if self._clock is utc_now:
            asked["ahead"] = AHEAD // timedelta(milliseconds=1)
        if change.alert is not None:
            asked["alert"] = change.alert
        if change.extend is not None:
            asked["extend"] = [*change.extend, GRACE_MS]
        with told(what, self.address):
            answer: Any = self._commit(args=[keys.PREFIX, json.dumps(asked, ensure_ascii=False)])
        if answer[0] == 1:
            return int(answer[2])
        got = answer[2].decode() if len(answer) > 2 and answer[2] is not None else None
        if answer[1] == CLOCK_BACK:
            raise CaseError(
                f"cannot {what}: the clock has gone back: expected no earlier than "
                f"{from_ms(got or 0).isoformat()}, got {self._clock().isoformat()}; set the machine's clock right, or, "
                "if it had been ahead, say so with: dome case clock --as NAME --why TEXT"
            )
        raise Refused(int(answer[1]), got)
