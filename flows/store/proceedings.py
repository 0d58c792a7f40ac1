"""The outbox of the electronic proceedings: what was issued or withdrawn, until a receiver has it.

An entry is put there by the script that writes the decision, so there is one exactly for each such decision; the
script also notes it with the violation, as a receipt that waits. It is taken out only when the receiver has answered,
together with the audit entry and the receipt that say so. Whoever dies in between sends it again; the receiver knows
the key.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from flows.casework.adjudication import Decision
from flows.domain.filing import Filing, Receipt
from flows.store import keys
from flows.store.connection import told
from flows.store.ledger import Change, Clock, Ledger, entry, utc_now
from flows.store.results import STEP, Entry, ResultsStore
from flows.store.turn import Turn

TURN_S: Final = 30.0


class ProceedingsStore:
    """What waits for the proceedings, and what they have.

    Args:
        url: Of Redis.
        results: Where violations and decisions are.
        clock: The present.
    """

    def __init__(self, url: str, results: ResultsStore, clock: Clock = utc_now) -> None:
        self._ledger, self._results = Ledger(url, clock), results
        self._redis = self._ledger.client
        self._turn = Turn(self._redis, "proceedings", TURN_S)

    def close(self) -> None:
        """Gives the connections back."""
        self._ledger.close()

    def my_turn(self) -> bool:
        """Whether it is this process that delivers now.

        Raises:
            StoreError: If Redis is away.
        """
        with told("take a turn", self._ledger.address):
            return self._turn.mine()

    def waiting(
        self, count: int = 100, within: Collection[str] | None = None
    ) -> list[tuple[str, Filing | None]]:
        """What waits, the oldest first: its place, and the filing; None if its violation is gone.

        Args:
            count: Most filings.
            within: Only of these districts; the outbox is read on until there are ``count`` of theirs, however many
                others wait before them. None: of all.

        Raises:
            StoreError: If Redis is away.
        """
        wanted = self._wanted(within, count if within is None else STEP)
        return [(place, self._filing(fields)) for place, fields in itertools.islice(wanted, count)]

    def _wanted(self, within: Collection[str] | None, step: int) -> Iterator[tuple[str, dict[str, str]]]:
        since = "-"
        while True:
            with told("read the outbox", self._ledger.address):
                rows: Any = self._redis.xrange(keys.PROCEEDINGS, min=since, count=step)
            told_of = [(p.decode(), {k.decode(): v.decode() for k, v in f.items()}) for p, f in rows]
            ids = list(dict.fromkeys(f["violation"] for _, f in told_of))
            here = set(ids if within is None else self._results.those_within(ids, within))
            yield from (row for row in told_of if row[1]["violation"] in here)
            if len(rows) < step:
                return
            since = f"({told_of[-1][0]}"

    def length(self) -> int:
        """How many wait.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read the outbox", self._ledger.address):
            return int(self._redis.xlen(keys.PROCEEDINGS))  # type: ignore[arg-type]

    def settle(self, place: str, receipt: Receipt) -> None:
        """Takes a filing out: the receiver has it, or will never.

        Raises:
            StoreError: If Redis is away: it may be out all the same; otherwise it is sent again.
        """
        noted = entry(
            "system", "violation.filed", subject=receipt.violation, why=receipt.action,
            state=receipt.state, district=receipt.district, attempts=receipt.attempts,
        )  # fmt: skip
        change = Change(
            commands=[
                ["XDEL", keys.PROCEEDINGS, place],
                ["HSET", keys.filings(receipt.violation), receipt.key, receipt.model_dump_json()],
            ],
            entries=[noted],
        )
        self._ledger.commit(change, "settle a filing")

    def receipts(self, violation_id: str) -> list[Receipt]:
        """What became of a violation's filings, those that still wait as well: in the order of their decisions.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read filings", self._ledger.address):
            decisions: Any = self._redis.lrange(keys.decisions(violation_id), 0, -1)
            found: Any = self._redis.hmget(keys.filings(violation_id), decisions) if decisions else []
        return [Receipt.model_validate_json(text) for text in found if text is not None]

    def _filing(self, named: dict[str, str]) -> Filing | None:
        entry, decided = self._results.event(named["violation"]), self._results.event(named["decision"])
        if entry is None or decided is None:
            return None
        decision = Decision.model_validate(decided.event.data)
        before = [Decision.model_validate(e.data) for e in self._results.decisions(named["violation"])]
        return filing_of(entry, named["decision"], decision, before)


def filing_of(entry: Entry, key: str, decision: Decision, decisions: Sequence[Decision]) -> Filing:
    """A violation and one decision on it as a filing: the same ones always give the same filing."""
    violation, data = entry.event, entry.event.data
    stored = entry.evidence.data if entry.evidence is not None else {}
    confirmed = [d.by for d in decisions if d.state == "confirmed" and d.number < decision.number]
    return Filing.model_validate({
        "key": key, "action": decision.export or "withdraw", "violation": violation.id, "number": decision.number,
        "captured_at": violation.time, "district": violation.subject, "camera": violation.camera_id,
        "rule": data.get("rule", ""), "article": data.get("article", ""), "profile": data.get("profile", ""),
        "vehicle": data.get("cls", ""), "plate": decision.plate or entry.case.plate,
        "measured": data.get("measured") or {}, "threshold": data.get("threshold") or {},
        "decided_at": decision.decided_at, "decided_by": decision.by,
        "detail": decision.readjudication or decision.detail,
        "confirmed_by": confirmed[-1] if confirmed else "",
        "evidence": stored.get("folder", ""), "manifest_sha256": stored.get("manifest_sha256", ""),
    })  # fmt: skip
