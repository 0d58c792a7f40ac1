"""Search cases in Redis: each step of a case and its audit entry are one script, by one person, once."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from flows.domain import cases as life
from flows.domain.audit import Action
from flows.domain.cases import (
    ENDED,
    SYSTEM,
    ForgottenTarget,
    PersonTarget,
    SearchCase,
    person,
    reason,
)
from flows.domain.errors import CaseError, ChangedMeanwhile, FieldError, StoreError
from flows.store import keys
from flows.store.compacting import compact
from flows.store.connection import told
from flows.store.ledger import GRACE_MS, Change, Clock, Ledger, Refused, entry, from_ms, to_ms, utc_now
from flows.store.vault import Vault

log = logging.getLogger(__name__)

FOLDER: Final = "searches"
"""Below the evidence store: files of a case lie in ``searches/CASE`` and go with it."""


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


class Cases(Protocol):
    """Search cases. Every step names who takes it and fails with a clear error where it may not be taken.

    All raise ``StoreError`` if Redis is away, ``CaseError`` where the life of a case forbids a step, its subclass
    ``ChangedMeanwhile`` where somebody else was faster, and ``FieldError`` for an unknown case.
    """

    def create(self, case: SearchCase, photos: Mapping[str, bytes]) -> SearchCase:
        """Keeps a new draft and its photos, by probe id, sealed."""
        ...

    def authorise(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.authorise`.

        Args:
            case_id: The case.
            by: Who.
            why: In their words.
            seen: Version that the person looked at; the present one if None.
        """
        ...

    def activate(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.activate`."""
        ...

    def reject(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.reject`. Probes, leads and crops are gone when it returns."""
        ...

    def close(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.close`. Probes and unconfirmed leads are gone when it returns."""
        ...

    def get(self, case_id: str) -> SearchCase:
        """One case as it is."""
        ...

    def view(self, case_id: str, by: str) -> SearchCase:
        """One case for a person; that they saw it is written down."""
        ...

    def all(self) -> list[SearchCase]:
        """All cases, the newest first."""
        ...

    def active(self, now: datetime | None = None) -> Active:
        """What may be searched now: nothing while the stop switch is on. Made to be asked every second.

        One small question to Redis; cases are read again only when something has changed. Where it raises
        ``StoreError``, search nothing: whether the stop switch is on cannot be known.
        """
        ...

    def stop_all(self, by: str, why: str) -> None:
        """The stop switch: ends all searching until :meth:`resume`."""
        ...

    def resume(self, by: str, why: str) -> None:
        """Another person than the one who stopped lets searching go on."""
        ...

    def sweep(self, now: datetime | None = None) -> int:
        """Ends what is over and deletes what must go; how many things went. Called every half minute."""
        ...


class Files(Protocol):
    """Where files of cases lie (:class:`flows.store.evidence.EvidenceStore`)."""

    def remove(self, folder: str) -> bool: ...


Step = Callable[[SearchCase, datetime], SearchCase]


class CaseStore:
    """Search cases in Redis; see :class:`Cases`.

    Args:
        url: Of Redis.
        vault: Seals photos; None where none are kept (whoever only reads, or sweeps).
        files: Removes ``searches/CASE`` when a case has lost everything.
        clock: The present; for tests.

    Raises:
        FieldError: If the address is malformed.
    """

    def __init__(
        self, url: str, vault: Vault | None = None, files: Files | None = None, clock: Clock = utc_now
    ) -> None:
        self._ledger = Ledger(url, clock)
        self._redis = self._ledger.client
        self._vault, self._files = vault, files
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

    def all(self) -> list[SearchCase]:
        """All cases, the newest first."""
        with told("list cases", self._ledger.address):
            ids: Any = self._redis.zrevrange(keys.CASES, 0, -1)
        return self._read([i.decode() for i in ids])

    def active(self, now: datetime | None = None) -> Active:
        """See :meth:`Cases.active`."""
        with told("ask for active cases", self._ledger.address):
            found: Any = self._redis.mget(keys.CASES_VERSION, keys.STOPPED, keys.CLOCK)
        count, switch, mark = (None if value is None else value.decode() for value in found)
        at = max(now or self._ledger.now(), from_ms(mark or 0))
        if switch is not None:
            return Active(f"{count}.stopped", at, (), _said(switch))
        if self._known is None or self._known[0] != str(count):
            with told("read active cases", self._ledger.address):
                ids: Any = self._redis.smembers(keys.CASES_ACTIVE)
            self._known = (str(count), tuple(self._read(sorted(i.decode() for i in ids))))
        alive = tuple(c for c in self._known[1] if c.state == "active" and at < c.ends_at)
        names = hashlib.sha256(",".join(c.id for c in alive).encode()).hexdigest()[:8]
        return Active(f"{count}.{names}", at, alive)

    def stopped(self) -> str:
        """Who has stopped all searching, when and why; empty while nobody has."""
        with told("ask for the stop switch", self._ledger.address):
            switch: Any = self._redis.get(keys.STOPPED)
        return _said(switch.decode()) if switch else ""

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
            FieldError: If there is a case of that id, or its probes and the photos differ.
            CaseError: If it is no new draft, or the clock has gone back.
            StoreError: If Redis is away.
        """
        if case.state != "draft" or case.version != 0 or [s.deed for s in case.steps] != ["created"]:
            raise CaseError(f"case {case.id}: expected a new draft, got {case.state}, version {case.version}")
        person(case.requester)
        probes = _probes(case)
        if set(photos) != set(probes):
            raise FieldError("photos", f"one for each of the probes {sorted(probes)}", f"{sorted(photos)}")
        change = Change(guards=[(["EXISTS", keys.case(case.id)], "0")], strict=True)
        change.commands = [
            *self._kept(case),
            ["ZADD", keys.CASES, str(to_ms(case.steps[0].at)), case.id],
            *(["HSET", keys.case(case.id, "probes"), name, self._sealed(photos[name])] for name in probes),
            *_expiring(case),
        ]
        change.entries = [entry(case.requester, "case.created", case=case.id, **_figures(case))]
        try:
            self._ledger.commit(change, "create a case")
        except Refused:
            raise FieldError("id", "an id that no case has", repr(case.id)) from None
        return case

    def authorise(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.authorise`."""
        return self._step(
            case_id, lambda case, at: life.authorise(case, by, at, why), person(by), why, seen, strict=True
        )

    def activate(self, case_id: str, by: str, why: str = "", seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.activate`."""
        return self._step(
            case_id, lambda case, at: life.activate(case, by, at, why), person(by), why, seen, strict=True
        )

    def reject(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.reject`."""
        return self._step(case_id, lambda case, at: life.reject(case, by, at, why), person(by), why, seen)

    def close(self, case_id: str, by: str, why: str, seen: int | None = None) -> SearchCase:
        """See :func:`flows.domain.cases.close`."""
        return self._step(case_id, lambda case, at: life.close(case, by, at, why), person(by), why, seen)

    def _step(
        self, case_id: str, step: Step, by: str, why: str, seen: int | None = None, *, strict: bool = False
    ) -> SearchCase:
        case = self.get(case_id)
        if seen is not None and seen != case.version:
            raise _overtaken(case)
        after = step(case, self._ledger.now())
        change = Change(guards=[(["HGET", keys.case(case_id), "version"], str(case.version))], strict=strict)
        did: Action = f"case.{after.steps[-1].deed}"  # type: ignore[assignment]
        change.entries = [entry(by, did, case=case_id, why=why, purpose=case.purpose)]
        if after.state in ENDED:
            self._end(after, by, change)
        else:
            change.commands = [*self._kept(after), *_expiring(after)]
            change.extend = (case_id, to_ms(after.ends_at) + GRACE_MS)
        self._commit_step(case_id, change)
        return self.get(case_id)

    def _commit_step(self, case_id: str, change: Change) -> None:
        try:
            gone = self._ledger.commit(change, "take a step of a case")
        except Refused:
            raise _overtaken(self.get(case_id)) from None
        if gone:
            self._compact()
        if change.drop:
            self._remove_files()

    def _end(self, case: SearchCase, by: str, change: Change) -> None:
        """What goes when a case ends: probes and whatever nobody confirmed, or, if it never was lawful, all of it."""
        nothing = life.leaves_nothing(case)
        after = life.forgotten(case) if nothing else case
        change.drop = [{
            "who": by, "why": f"the case is {case.state}", "case": case.id, "probes": _probes(case),
            "leads": "all" if nothing else "unconfirmed", "route": nothing,
        }]  # fmt: skip
        change.commands = self._kept(after)
        if nothing:
            change.commands.append(["SADD", keys.CASES_UNREMOVED, case.id])
            change.entries.append(entry(by, "case.forgotten", case=case.id))
        else:
            forget_at = life.forget_after(case)
            assert forget_at is not None
            change.commands.append(["ZADD", keys.CASES_FORGET, str(to_ms(forget_at)), case.id])

    def _kept(self, case: SearchCase) -> list[list[str]]:
        """Commands that keep a case and its place in the indexes."""
        record = ["HSET", keys.case(case.id), "json", case.model_dump_json()]
        record += ["state", case.state, "version", str(case.version)]
        is_open = case.state not in ENDED
        active = ["SADD" if case.state == "active" else "SREM", keys.CASES_ACTIVE, case.id]
        due = ["ZADD", keys.CASES_OPEN, str(to_ms(case.ends_at)), case.id]
        return [
            record,
            active,
            due if is_open else ["ZREM", keys.CASES_OPEN, case.id],
            ["INCR", keys.CASES_VERSION],
        ]

    def _sealed(self, photo: bytes) -> str:
        if self._vault is None:
            raise FieldError(
                "DOME_PROBE_KEY", "a key for probe photos", "nothing", "photos are kept sealed only"
            )
        return self._vault.seal(photo)

    # The stop switch

    def stop_all(self, by: str, why: str) -> None:
        """See :meth:`Cases.stop_all`.

        Raises:
            CaseError: If it is on already.
            FieldError: If nobody is named, or no reason.
            StoreError: If Redis is away.
        """
        person(by)
        reason(why)
        switch = json.dumps({"by": by, "at": self._ledger.now().isoformat(timespec="seconds"), "why": why})
        change = Change(
            guards=[(["GET", keys.STOPPED], None)], entries=[entry(by, "searching.stopped", why=why)]
        )
        change.commands = [["SET", keys.STOPPED, switch], ["INCR", keys.CASES_VERSION]]
        try:
            self._ledger.commit(change, "stop all searching")
        except Refused as refused:
            raise CaseError(f"searching is stopped already: {_said(refused.got or '')}") from None

    def resume(self, by: str, why: str) -> None:
        """See :meth:`Cases.resume`.

        Raises:
            CaseError: If it is not stopped, or this person stopped it.
            FieldError: If nobody is named, or no reason.
            StoreError: If Redis is away.
        """
        person(by)
        reason(why)
        with told("read the stop switch", self._ledger.address):
            switch: Any = self._redis.get(keys.STOPPED)
        if switch is None:
            raise CaseError("searching is not stopped: there is nothing to resume")
        if json.loads(switch)["by"] == by:
            raise CaseError(f"searching was stopped by {by}: expected another person to resume it")
        change = Change(guards=[(["GET", keys.STOPPED], switch.decode())], strict=True)
        change.entries = [entry(by, "searching.resumed", why=why)]
        change.commands = [["DEL", keys.STOPPED], ["INCR", keys.CASES_VERSION]]
        try:
            self._ledger.commit(change, "resume searching")
        except Refused:
            raise ChangedMeanwhile("the stop switch was moved meanwhile; look again") from None

    def set_clock(self, by: str, why: str) -> datetime:
        """Says that the time which the searches have seen was wrong (ahead): the present holds from now on.

        Raises:
            FieldError: If nobody is named, or no reason.
            StoreError: If Redis is away.
        """
        person(by)
        reason(why)
        with told("read the time of the searches", self._ledger.address):
            mark: Any = self._redis.get(keys.CLOCK)
        was = from_ms(mark or 0).isoformat(timespec="seconds")
        now = self._ledger.own_now()
        change = Change(
            entries=[entry(by, "clock.set", why=why, was=was, now=now.isoformat(timespec="seconds"))]
        )
        change.commands = [["SET", keys.CLOCK, str(to_ms(now))], ["INCR", keys.CASES_VERSION]]
        self._ledger.commit(change, "set the clock of the searches")
        return now

    # What must go

    def sweep(self, now: datetime | None = None) -> int:
        """See :meth:`Cases.sweep`.

        Raises:
            StoreError: If Redis is away.
        """
        at = self._ledger.now(now)
        went = self._expire(at) + self._drop_leads(at) + self._forget(at)
        self._compact(bool(went))
        self._remove_files()
        self._ledger.commit(Change(), "note the time")
        return went

    def _due(self, index: str, at: datetime) -> list[str]:
        with told("look for what is over", self._ledger.address):
            ids: Any = self._redis.zrangebyscore(index, "-inf", to_ms(at))
        return [i.decode() for i in ids]

    def _expire(self, at: datetime) -> int:
        went = 0
        for case_id in self._due(keys.CASES_OPEN, at):
            try:
                self._step(case_id, lambda case, _: life.expire(case, at), SYSTEM, "its time is over")
                went += 1
            except CaseError as error:  # somebody closed it at this moment, or authorised it
                log.info("%s", error)
            except FieldError as error:  # an index without its case must not keep others from being put away
                log.error("%s", error)
        return went

    def _drop_leads(self, at: datetime) -> int:
        went = 0
        for member in self._due(keys.LEADS_DUE, at):
            case_id, _, lead_id = member.partition("/")
            with told("look for what is over", self._ledger.address):
                due: Any = self._redis.zscore(keys.LEADS_DUE, member)
            if due is None or due > to_ms(at):
                continue
            change = Change(guards=[(["ZSCORE", keys.LEADS_DUE, member], f"{due:.0f}")])
            why = "two people have not confirmed it in time"
            change.drop = [{"who": SYSTEM, "why": why, "case": case_id, "lead": lead_id}]
            change.commands = [["INCR", keys.CASES_VERSION]]
            try:
                went += self._ledger.commit(change, "delete a lead")
            except Refused:  # confirmed at this moment
                continue
        return went

    def _forget(self, at: datetime) -> int:
        went = 0
        for case_id in self._due(keys.CASES_FORGET, at):
            case = self.get(case_id)
            change = Change(guards=[(["HGET", keys.case(case_id), "version"], str(case.version))])
            why = "kept for as long as the law allows"
            change.drop = [
                {"who": SYSTEM, "why": why, "case": case_id, "leads": "all", "probes": [], "route": True}
            ]
            change.entries = [entry(SYSTEM, "case.forgotten", case=case_id, why=why)]
            change.commands = [
                *self._kept(life.forgotten(case)),
                ["ZREM", keys.CASES_FORGET, case_id],
                ["SADD", keys.CASES_UNREMOVED, case_id],
            ]
            try:
                self._ledger.commit(change, "forget a case")
                went += 1
            except Refused:
                continue
        return went

    def _remove_files(self) -> None:
        """Removes files of cases that have lost everything; those that cannot be removed now are tried again."""
        if self._files is None:
            return
        with told("look for files to remove", self._ledger.address):
            ids: Any = self._redis.smembers(keys.CASES_UNREMOVED)
        for case_id in (i.decode() for i in ids):
            try:
                self._files.remove(f"{FOLDER}/{case_id}")
            except StoreError as error:
                log.warning("%s; tried again later", error)
                continue
            with told("note that files are removed", self._ledger.address):
                self._redis.srem(keys.CASES_UNREMOVED, case_id)

    def _compact(self, went: bool = True) -> None:
        """What was deleted, sealed as it was, leaves the disk as well."""
        compact(self._redis, self._ledger.address, went)


def new_id() -> str:
    """An id for a case: short enough to say on the telephone, and nobody guesses one.

    >>> len(new_id())
    13
    """
    import secrets

    return "case-" + base64.b32encode(secrets.token_bytes(5)).decode().lower()


def _probes(case: SearchCase) -> list[str]:
    return list(case.target.probes) if isinstance(case.target, PersonTarget) else []


def _expiring(case: SearchCase) -> list[list[str]]:
    """Where nobody sweeps, Redis itself lets photos go soon after the case has ended."""
    at = str(to_ms(case.ends_at) + GRACE_MS)
    return [["PEXPIREAT", keys.case(case.id, "probes"), at]] if _probes(case) else []


def _figures(case: SearchCase) -> dict[str, Any]:
    """What the transparency report says of a case."""
    return {
        "purpose": case.purpose,
        "target": case.target.was if isinstance(case.target, ForgottenTarget) else case.target.kind,
        "cameras": list(case.cameras),
        "districts": list(case.districts),
        "urgent": case.urgent,
        "document": case.basis.document,
    }


def _overtaken(case: SearchCase) -> ChangedMeanwhile:
    last = case.steps[-1]
    return ChangedMeanwhile(
        f"case {case.id}: it was {last.deed} by {last.by} at {last.at.isoformat(timespec='seconds')} meanwhile and is "
        f"{case.state} now; look at it again, then decide"
    )


def _said(switch: str) -> str:
    held = json.loads(switch)
    return f"{held['by']} at {held['at']}: {held['why']}"
