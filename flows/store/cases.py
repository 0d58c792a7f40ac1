"""Search cases in Redis: each step of a case and its audit entry are one script, by one person, once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flows.domain import cases as life
from flows.domain.audit import Action
from flows.domain.cases import ENDED, SYSTEM, ForgottenTarget, SearchCase, person
from flows.domain.errors import CaseError, ChangedMeanwhile, FieldError
from flows.store import keys
from flows.store.caserecord import ended, expiring, figures, kept, probes_of
from flows.store.casesweep import CaseSweep
from flows.store.compacting import compact
from flows.store.connection import told
from flows.store.ledger import Change, Clock, Ledger, Refused, entry, from_ms, to_ms, utc_now
from flows.store.stopswitch import StopSwitch, said
from flows.store.urgent import UrgentStarts
from flows.store.vault import Vault

UNSEARCHED_MS: Final = 60_000
"""What searches say every second is forgotten after so long: they may have been started anew with other models."""


@dataclass(frozen=True, slots=True)
class Active:
    """What may be searched at a moment.

    Attributes:
        version: Another one whenever anything here differs, probes and suppressions included: whoever has built
            a gallery for this version need not look again.
        at: The present as the searches see it: never earlier than before. Ask ``covers()`` with it or a later one.
        cases: Active cases whose end has not come. Each frame is asked about with ``covers()`` all the same.
        stopped: Why nothing may be searched though cases are active: the stop switch. Empty where it is off.
    """

    version: str
    at: datetime
    cases: tuple[SearchCase, ...]
    stopped: str = ""


Step = Callable[[SearchCase, datetime], SearchCase]


class CaseStore:
    """Search cases in Redis. Every step names who takes it and fails with a clear error where it may not be taken.

    All raise ``StoreError`` if Redis is away, ``CaseError`` where the life of a case forbids a step, its subclass
    ``ChangedMeanwhile`` where somebody else was faster, and ``FieldError`` for an unknown case. ``seen`` is the version
    that the person looked at; the present one if None.

    Args:
        url: Of Redis.
        vault: Seals photos; None where none are kept (whoever only reads, or sweeps).
        clock: The present; for tests.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(self, url: str, vault: Vault | None = None, clock: Clock = utc_now) -> None:
        self._ledger = Ledger(url, clock)
        self._redis = self._ledger.client
        self._vault = vault
        self._urgent = UrgentStarts(self._ledger, vault)
        self._switch = StopSwitch(self._ledger)
        self._sweep = CaseSweep(self._ledger, self.get, self._expire)
        self._known: tuple[str, tuple[SearchCase, ...]] | None = None

    def close_connections(self) -> None:
        """Gives the connections back."""
        self._ledger.close()

    # Reading

    def get(self, case_id: str) -> SearchCase:
        """One case.

        Raises:
            FieldError: If there is none of that id.
            StoreError: If Redis is away.
        """
        with told("read a case", self._ledger.address):
            text: Any = self._redis.hget(keys.case(case_id), "json")
        if text is None:
            raise FieldError("case", "the id of a case", repr(case_id), "see: dome case list")
        return SearchCase.model_validate_json(text)

    def view(self, case_id: str, by: str) -> SearchCase:
        """One case for a person, written down."""
        case = self.get(case_id)
        self._ledger.commit(Change(entries=[entry(person(by), "case.viewed", case=case_id)]), "view a case")
        return case

    def to_reseal(self, by: str) -> list[SearchCase]:
        """Cases whose photos and crops somebody is about to open, to seal them anew; first written down for each."""
        person(by)
        cases = [case for case in self.all() if not isinstance(case.target, ForgottenTarget)]
        entries = [entry(by, "case.resealed", case=case.id) for case in cases]
        self._ledger.commit(Change(entries=entries), "seal pictures anew")
        return cases

    def all(self) -> list[SearchCase]:
        """All cases, the newest first."""
        with told("list cases", self._ledger.address):
            ids: Any = self._redis.zrevrange(keys.CASES, 0, -1)
        return self._read([i.decode() for i in ids])

    def active(self, now: datetime | None = None) -> Active:
        """What may be searched now: nothing while the stop switch is on. Made to be asked every second.

        One small question to Redis; cases are read again only when something has changed. Where it raises
        ``StoreError``, search nothing: whether the stop switch is on cannot be known.
        """
        with told("ask for active cases", self._ledger.address):
            found: Any = self._redis.mget(keys.CASES_VERSION, keys.STOPPED, keys.CLOCK)
        count, switch, mark = (None if value is None else value.decode() for value in found)
        at = max(now or self._ledger.now(), from_ms(mark or 0))
        if switch is not None:
            return Active(f"{count}.stopped", at, (), said(switch))
        if self._known is None or self._known[0] != str(count):
            with told("read active cases", self._ledger.address):
                ids: Any = self._redis.smembers(keys.CASES_ACTIVE)
            self._known = (str(count), tuple(self._read(sorted(i.decode() for i in ids))))
        alive = tuple(c for c in self._known[1] if c.state == "active" and at < c.ends_at)
        names = hashlib.sha256(",".join(c.id for c in alive).encode()).hexdigest()[:8]
        return Active(f"{count}.{names}", at, alive)

    def note_unsearched(self, version: str, why: Mapping[str, str]) -> None:
        """Keeps for a minute why active cases are not searched as they were asked for; said again while it is so.

        Args:
            version: Of what may be searched, see :class:`Active`.
            why: By case; at least one.
        """
        with told("note what is not searched", self._ledger.address):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(keys.unsearched(version), items=[part for each in why.items() for part in each])
            pipe.pexpire(keys.unsearched(version), UNSEARCHED_MS)
            pipe.execute()

    def unsearched(self) -> dict[str, str]:
        """Why active cases are not searched, or not with all photos or everywhere, by id, as a search says now."""
        version = self.active().version
        with told("ask what is not searched", self._ledger.address):
            found: Any = self._redis.hgetall(keys.unsearched(version))
        return {case.decode(): why.decode() for case, why in found.items()}

    def stopped(self) -> str:
        """Who has stopped all searching, when and why; empty while nobody has."""
        return self._switch.stopped()

    def require_stoppable(self) -> None:
        """See :meth:`flows.store.stopswitch.StopSwitch.require_movable`."""
        self._switch.require_movable()

    def _read(self, ids: Sequence[str]) -> list[SearchCase]:
        with told("read cases", self._ledger.address):
            pipe = self._redis.pipeline(transaction=False)
            for case_id in ids:
                pipe.hget(keys.case(case_id), "json")
            texts = pipe.execute() if ids else []
        return [SearchCase.model_validate_json(text) for text in texts if text is not None]

    # The life of a case

    def create(self, case: SearchCase, photos: Mapping[str, bytes]) -> SearchCase:
        """Keeps a draft with its photos.

        Raises:
            FieldError: If there is a case of that id, its probes and the photos differ, or it is urgent and the vault
                is missing that knows its target again.
            CaseError: If it is no new draft, or the clock has gone back.
            StoreError: If Redis is away.
        """
        if case.state != "draft" or case.version != 0 or [s.deed for s in case.steps] != ["created"]:
            raise CaseError(f"case {case.id}: expected a new draft, got {case.state}, version {case.version}")
        person(case.requester)
        probes = probes_of(case)
        if set(photos) != set(probes):
            raise FieldError("photos", f"one for each of the probes {sorted(probes)}", f"{sorted(photos)}")
        change = Change(guards=[(["EXISTS", keys.case(case.id)], "0")], strict=True)
        change.commands = [
            *kept(case),
            ["ZADD", keys.CASES, str(to_ms(case.steps[0].at)), case.id],
            *(["HSET", keys.case(case.id, "probes"), name, self._sealed(photos[name])] for name in probes),
            *expiring(case),
            *self._urgent.created(case, photos),
        ]
        change.entries = [entry(case.requester, "case.created", case=case.id, **figures(case))]
        try:
            self._ledger.commit(change, "create a case")
        except Refused:
            raise FieldError("id", "an id that no case has", repr(case.id)) from None
        return case

    def authorise(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.authorise`."""
        return self._step(
            case_id, lambda case, at: life.authorise(case, by, at, why), person(by), seen, strict=True
        )

    def activate(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.activate`; without authorisation a target is searched once in a while alone
        (:mod:`flows.store.urgent`)."""
        return self._step(
            case_id, lambda case, at: life.activate(case, by, at, why), person(by), seen, strict=True
        )

    def reject(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.reject`. Probes, leads and crops are gone when it returns."""
        return self._step(case_id, lambda case, at: life.reject(case, by, at, why), person(by), seen)

    def close(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.close`. Probes and unconfirmed leads are gone when it returns."""
        return self._step(case_id, lambda case, at: life.close(case, by, at, why), person(by), seen)

    def _step(
        self, case_id: str, step: Step, by: str, seen: int | None = None, *, strict: bool = False
    ) -> SearchCase:
        case = self.get(case_id)
        if seen is not None and seen != case.version:
            raise _overtaken(case)
        after = step(case, self._ledger.surely_now())  # its time is kept
        change = Change(guards=[(["HGET", keys.case(case_id), "version"], str(case.version))], strict=strict)
        taken = after.steps[-1]
        did: Action = f"case.{taken.deed}"  # type: ignore[assignment]
        change.entries = [entry(by, did, case=case_id, why=taken.why, purpose=case.purpose)]
        if after.state in ENDED:
            ended(after, by, change)
        else:
            change.commands = [*kept(after), *expiring(after)]
            change.extend = (case_id, to_ms(after.ends_at))
        self._urgent.stepped(case, after, change)
        self._commit_step(case_id, change)
        return self.get(case_id)

    def _expire(self, case_id: str, at: datetime) -> SearchCase:
        return self._step(case_id, lambda case, _: life.expire(case, at), SYSTEM)

    def _commit_step(self, case_id: str, change: Change) -> None:
        try:
            gone = self._ledger.commit(change, "take a step of a case")
        except Refused as refused:
            if refused.guard:
                raise ChangedMeanwhile(
                    f"case {case_id}: an urgent case on the same target began at this moment, or one was rejected; "
                    "look at it again"
                ) from None
            raise _overtaken(self.get(case_id)) from None
        if gone:
            compact(self._redis, self._ledger.address)

    def _sealed(self, photo: bytes) -> str:
        if self._vault is None:
            raise FieldError(
                "DOME_PROBE_KEY", "a key for probe photos", "nothing", "photos are kept sealed only"
            )
        return self._vault.seal(photo)

    # What holds for all cases

    def stop_all(self, by: str, why: str) -> None:
        """See :meth:`flows.store.stopswitch.StopSwitch.stop_all`."""
        self._switch.stop_all(by, why)

    def stop_by_itself(self, why: str) -> None:
        """See :meth:`flows.store.stopswitch.StopSwitch.stop_by_itself`."""
        self._switch.stop_by_itself(why)

    def resume(self, by: str, why: str) -> None:
        """See :meth:`flows.store.stopswitch.StopSwitch.resume`."""
        self._switch.resume(by, why)

    def set_clock(self, by: str, why: str) -> datetime:
        """See :meth:`flows.store.stopswitch.StopSwitch.set_clock`."""
        return self._switch.set_clock(by, why)

    def sweep(self, now: datetime | None = None) -> int:
        """Ends what is over and deletes what must go; how many things went. Called every half minute.

        Raises:
            StoreError: If Redis is away.
        """
        return self._sweep.sweep(now)


def new_id() -> str:
    """An id for a case: short enough to say on the telephone, and nobody guesses one.

    >>> len(new_id())
    13
    """
    import secrets

    return "case-" + base64.b32encode(secrets.token_bytes(5)).decode().lower()


def _overtaken(case: SearchCase) -> ChangedMeanwhile:
    last = case.steps[-1]
    return ChangedMeanwhile(
        f"case {case.id}: it was {last.deed} by {last.by} at {last.at.isoformat(timespec='seconds')} meanwhile and is "
        f"{case.state} now; look at it again, then decide"
    )
