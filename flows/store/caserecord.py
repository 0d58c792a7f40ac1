"""How a search case stands in Redis: the commands that keep it, end it, and let it go. They ask nothing of Redis."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flows.domain import cases as life
from flows.domain.cases import ENDED, ForgottenTarget, PersonTarget, SearchCase
from flows.store import keys
from flows.store.ledger import GRACE_MS, Change, entry, to_ms


def kept(case: SearchCase) -> list[list[str]]:
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


def ended(case: SearchCase, by: str, change: Change) -> None:
    """What goes when a case ends: probes and whatever nobody confirmed, or, if it never was lawful, all of it."""
    nothing = life.leaves_nothing(case)
    after = life.forgotten(case) if nothing else case
    change.drop = [{
        "who": by, "why": f"the case is {case.state}", "case": case.id, "probes": probes_of(case),
        "leads": "all" if nothing else "unconfirmed", "route": nothing,
    }]  # fmt: skip
    change.commands = kept(after)
    if nothing:
        change.entries.append(entry(by, "case.forgotten", case=case.id))
    else:
        forget_at = life.forget_after(case)
        assert forget_at is not None
        change.commands.append(["ZADD", keys.CASES_FORGET, str(to_ms(forget_at)), case.id])


def probes_of(case: SearchCase) -> list[str]:
    """Ids of its photos; none where nobody is searched for by their face."""
    return list(case.target.probes) if isinstance(case.target, PersonTarget) else []


def expiring(case: SearchCase) -> list[list[str]]:
    """Where nobody sweeps, Redis itself lets photos go soon after the case has ended, and a route when it must."""
    at = str(to_ms(case.ends_at) + GRACE_MS)
    if probes_of(case):
        return [["PEXPIREAT", keys.case(case.id, "probes"), at]]
    if case.authorised:  # else nothing of it outlives it
        at = str(to_ms(case.expires_at + timedelta(days=case.terms.kept_days + 1)))
    return [["PEXPIREAT", keys.case(case.id, "route"), at]]


def figures(case: SearchCase) -> dict[str, Any]:
    """What the transparency report says of a case."""
    return {
        "purpose": case.purpose,
        "target": case.target.was if isinstance(case.target, ForgottenTarget) else case.target.kind,
        "cameras": list(case.cameras),
        "districts": list(case.districts),
        "urgent": case.urgent,
        "document": case.basis.document,
    }
