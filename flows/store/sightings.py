"""Where plates were seen: by keyed hash and hour in Redis, each hour expiring by itself. And the routes of cases."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from flows.domain.cases import OPEN, SYSTEM, SearchCase, VehicleTarget, covers, person, runs
from flows.domain.errors import CaseError, FieldError, StoreError
from flows.domain.platehash import VARIABLE, PlateHasher
from flows.domain.sightings import Sighting, blind_spots
from flows.store import keys
from flows.store.cameras import CameraStore
from flows.store.caserecord import expiring
from flows.store.cases import CaseStore
from flows.store.connection import told
from flows.store.ledger import Change, Clock, Ledger, Refused, entry, to_ms, utc_now

log = logging.getLogger(__name__)

HOUR_MS: Final = 3_600_000
LONGEST_DAYS: Final = 30.0
"""No hash is kept longer, whatever an event says."""
PAGE_HOURS: Final = 200


class SightingStore:
    """Keeps sightings for as long as they say, and gives a vehicle case the route of its one plate.

    Args:
        url: Of Redis.
        hasher: Knows the keys of the hashes; None for who only writes.
        clock: The present; for tests.
    """

    def __init__(self, url: str, hasher: PlateHasher | None = None, clock: Clock = utc_now) -> None:
        self._ledger, self._hasher = Ledger(url, clock), hasher
        self._redis = self._ledger.client
        self._cases, self._cameras = CaseStore(url, clock=clock), CameraStore(url)

    def close_connections(self) -> None:
        """Gives the connections back."""
        self._ledger.close()
        self._cases.close_connections()
        self._cameras.close()

    def put(self, sightings: Sequence[Sighting]) -> list[bool]:
        """Keeps sightings; for each, whether it was new. One that has expired already is not kept.

        Raises:
            StoreError: If Redis is away: some may be kept all the same; bring all again.
        """
        with told("keep sightings", self._ledger.address):
            pipe = self._redis.pipeline(transaction=True)
            for each in sightings:
                ms = to_ms(each.at)
                hour = ms // HOUR_MS
                key = keys.plate(each.plate, hour)
                pipe.zadd(key, {each.model_dump_json(exclude={"plate"}): ms})
                # From the hour's beginning: nothing is kept longer than the law allows, some a little shorter.
                pipe.pexpireat(key, round(hour * HOUR_MS + min(each.keep_days, LONGEST_DAYS) * 24 * HOUR_MS))
            answers = pipe.execute() if sightings else []
        return [bool(new) for new in answers[::2]]

    def route(self, case_id: str, by: str, now: datetime | None = None) -> list[Sighting]:
        """Where the vehicle of a case was, oldest first; that somebody has seen it is written down.

        Raises:
            CaseError: If the case is about no vehicle, or has never been active, or its time is over and nobody has
                authorised it.
            FieldError: If there is no key to recognise the plate by.
            StoreError: If Redis is away.
        """
        person(by)
        case = self._cases.get(case_id)
        if not isinstance(case.target, VehicleTarget):
            raise CaseError(
                f"case {case_id}: expected a vehicle's case, got one about a {case.target.kind} target"
            )
        if case.state != "active" and (case.state in OPEN or case.active_since is None):
            raise CaseError(f"case {case_id}: a route is shown once the case is active, got {case.state}")
        if case.state == "active":
            at = self._ledger.now(now)
            if not (case.authorised or runs(case, at)):
                raise CaseError(
                    f"case {case_id}: expected to be authorised by {case.ends_at.isoformat()}; its route is deleted"
                )
            self._collect(case, at)
        kept = self._kept(case_id)
        looked = entry(by, "route.exported", case=case_id, sightings=len(kept))
        guard = (["HGET", keys.case(case_id), "version"], str(case.version))
        try:
            self._ledger.commit(Change(guards=[guard], entries=[looked]), "export a route")
        except Refused:
            raise CaseError(f"case {case_id}: it took a step at this moment; look at it again") from None
        return kept

    def sweep(self, now: datetime | None = None) -> int:
        """Adds to routes of active cases what is new, before its hash expires; how many sightings were.

        What cannot be seen of a vehicle is said, as a face search does
        (:meth:`flows.store.cases.CaseStore.note_unsearched`).
        """
        active = self._cases.active(now)
        vehicles = [case for case in active.cases if isinstance(case.target, VehicleTarget)]
        if not vehicles:
            return 0
        new = sum(self._collect(case, active.at) for case in vehicles) if self._hasher is not None else 0
        try:
            self._note_unsearched(active.version, vehicles)
        except StoreError as error:  # it can be read and takes nothing (it is full): that ends no search
            log.warning("nobody is told what is not searched: %s", error)
        return new

    def _note_unsearched(self, version: str, vehicles: Sequence[SearchCase]) -> None:
        if self._hasher is None:
            why = dict.fromkeys((case.id for case in vehicles), str(_no_key()))
        else:
            cameras = self._cameras.last()
            why = {case.id: said for case in vehicles if (said := blind_spots(case, cameras))}
        if why:
            self._cases.note_unsearched(version, why)

    def _collect(self, case: SearchCase, now: datetime) -> int:
        """Copies sightings that a case covers into its route: they stay as long as the case needs them."""
        found = [s for s in self._seen(case, now) if covers(case, s.camera, s.district, s.at, now, s.place)]
        known = {s.id for s in self._kept(case.id)} if found else set()
        # A passage that was seen again may have been called another class: it is kept twice, and told once.
        fresh = list({s.id: s for s in found if s.id not in known}.values())
        if not fresh:
            return 0
        key = keys.case(case.id, "route")
        change = Change(guards=[(["HGET", keys.case(case.id), "version"], str(case.version)),
                                (["EXISTS", keys.STOPPED], "0")])  # fmt: skip
        change.commands = [
            ["ZADD", key, str(to_ms(s.at)), s.model_dump_json(exclude={"plate"})] for s in fresh
        ]
        change.commands += expiring(case)
        change.entries = [entry(SYSTEM, "route.extended", case=case.id, sightings=len(fresh))]
        try:
            self._ledger.commit(change, "extend a route")
        except Refused:  # the case took a step at this moment
            return 0
        return len(fresh)

    def _seen(self, case: SearchCase, now: datetime) -> list[Sighting]:
        if self._hasher is None:
            raise _no_key()
        first = case.searches_from
        assert first is not None
        assert isinstance(case.target, VehicleTarget)
        last_ms = min(to_ms(now), to_ms(case.window.ends_at))
        hours = range(
            max(to_ms(first), last_ms - round(LONGEST_DAYS * 24 * HOUR_MS)) // HOUR_MS, last_ms // HOUR_MS + 1
        )
        found = []
        for hashed in self._hasher.hashes(case.target.plate):
            for start in range(0, len(hours), PAGE_HOURS):
                with told("look for sightings", self._ledger.address):
                    pipe = self._redis.pipeline(transaction=False)
                    for hour in hours[start : start + PAGE_HOURS]:
                        pipe.zrange(keys.plate(hashed, hour), 0, -1)
                    rows = pipe.execute()
                found += [_read(text, hashed) for row in rows for text in row]
        return sorted(found, key=lambda s: s.at)

    def _kept(self, case_id: str) -> list[Sighting]:
        with told("read a route", self._ledger.address):
            texts: Any = self._redis.zrange(keys.case(case_id, "route"), 0, -1)
        return [_read(text, NO_PLATE) for text in texts]


def _no_key() -> FieldError:
    return FieldError(
        VARIABLE, "the key that plates are hashed with", "nothing", "set it as the cameras have it"
    )


NO_PLATE: Final = "none:" + "0" * 32
"""In a route the plate is known: it is the case's."""


def _read(text: bytes, hashed: str) -> Sighting:
    return Sighting.model_validate_json(text[:-1] + b',"plate":"' + hashed.encode() + b'"}')
