"""What must go of search cases: those whose time is over, leads that nobody confirmed, what ended ones brought."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flows.domain import cases as life
from flows.domain.cases import SYSTEM, SearchCase
from flows.domain.errors import CaseError, FieldError
from flows.store import keys
from flows.store.caserecord import kept
from flows.store.compacting import compact
from flows.store.connection import told
from flows.store.ledger import Change, Ledger, Refused, entry, to_ms

log = logging.getLogger(__name__)


class CaseSweep:
    """Ends what is over and deletes what must go.

    Args:
        ledger: Writes what is done, with its entries of the audit log.
        get: Reads a case.
        expire: Ends a case whose time is over at that moment; ``CaseError`` where somebody else was faster.
    """

    def __init__(
        self,
        ledger: Ledger,
        get: Callable[[str], SearchCase],
        expire: Callable[[str, datetime], object],
    ) -> None:
        self._ledger, self._redis = ledger, ledger.client
        self._get, self._end = get, expire

    def sweep(self, now: datetime | None = None) -> int:
        """See :meth:`flows.store.cases.CaseStore.sweep`.

        Raises:
            StoreError: If Redis is away.
        """
        at = self._ledger.surely_now(now)
        went = self._expire(at) + self._drop_leads(at) + self._forget(at)
        compact(self._redis, self._ledger.address, bool(went))
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
                self._end(case_id, at)
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
            key = keys.lead(lead_id)
            with told("look for what is over", self._ledger.address):
                due: Any = self._redis.zscore(keys.LEADS_DUE, member)
                found: Any = self._redis.hget(key, "state")
            if due is None or due > to_ms(at):
                continue
            state = None if found is None else found.decode()
            change = Change(
                guards=[(["ZSCORE", keys.LEADS_DUE, member], f"{due:.0f}"), (["HGET", key, "state"], state)]
            )
            if state in ("confirmed", "dispatched"):  # it stays, without what "not this person" would need
                change.commands = [["HDEL", key, "template"], ["ZREM", keys.LEADS_DUE, member]]
            else:
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
            try:
                case = self._get(case_id)
            except FieldError as error:  # likewise
                log.error("%s", error)
                continue
            change = Change(guards=[(["HGET", keys.case(case_id), "version"], str(case.version))])
            why = "kept for as long as the law allows"
            change.drop = [
                {"who": SYSTEM, "why": why, "case": case_id, "leads": "all", "probes": [], "route": True}
            ]
            change.entries = [entry(SYSTEM, "case.forgotten", case=case_id, why=why)]
            change.commands = [
                *kept(life.forgotten(case)),
                ["ZREM", keys.CASES_FORGET, case_id],
            ]
            try:
                self._ledger.commit(change, "forget a case")
                went += 1
            except Refused:
                continue
        return went
