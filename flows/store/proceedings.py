"""The outbox of the electronic proceedings: what was issued or withdrawn, until a receiver has it.

An entry is put there by the script that writes the decision, so there is one exactly for each such decision; the
script also notes it with the violation, as a receipt that waits. It is taken out only when the receiver has answered,
together with the audit entry and the receipt that say so. Whoever dies in between sends it again; the receiver knows
the key. What a receiver will not have is listed until a person has it sent again, or its violation goes.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from flows.casework.adjudication import Decision
from flows.domain.errors import ChangedMeanwhile
from flows.domain.filing import Filing, Receipt
from flows.domain.review import StepRefused
from flows.store import keys
from flows.store.connection import told
from flows.store.ledger import Change, Clock, Ledger, Refused, entry, to_ms, utc_now
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

    def waiting(self) -> Iterator[tuple[str, str, str]]:
        """All that waits, the oldest first: its place, its violation, and its decision's id.

        Raises:
            StoreError: If Redis is away.
        """
        return ((place, row["violation"], row["decision"]) for place, row in self._wanted(None, STEP))

    def barred_at(self, violation_id: str, key: str) -> datetime | None:
        """When a filing was first barred, as it was noted.

        Raises:
            StoreError: If Redis is away.
        """
        known = self._receipt(violation_id, key)
        return None if known is None else known[0].barred_at

    def pending(self, count: int = 100, within: Collection[str] | None = None) -> list[Receipt]:
        """How it goes with what waits, the oldest first.

        Args:
            count: Most filings.
            within: Only of these districts; the outbox is read on until there are ``count`` of theirs, however many
                others wait before them. None: of all.

        Raises:
            StoreError: If Redis is away.
        """
        wanted = (fields for _, fields in self._wanted(within, STEP))
        known = (self._receipt(fields["violation"], fields["decision"]) for fields in wanted)
        return list(itertools.islice((each[0] for each in known if each is not None), count))

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

    def note(self, receipt: Receipt) -> None:
        """Keeps how it goes with a filing that waits, for whoever asks why; nothing where it waits no longer.

        Raises:
            StoreError: If Redis is away.
        """
        waits = self._receipt(receipt.violation, receipt.key)
        if waits is not None and waits[0].state == "waiting":
            kept = ["HSET", keys.filings(receipt.violation), receipt.key, receipt.model_dump_json()]
            with suppress(Refused):  # whoever has the turn now has settled it
                self._ledger.commit(Change(guards=[_as_it_was(*waits)], commands=[kept]), "note a filing")

    def settle(self, place: str, receipt: Receipt) -> None:
        """Takes a filing out: the receiver has it, or will not.

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
                ["ZREM", keys.REFUSED, receipt.violation],  # the last one holds
            ],
            entries=[noted],
        )
        if receipt.state == "refused" and receipt.violation and receipt.at is not None:
            change.commands.append(["ZADD", keys.REFUSED, str(to_ms(receipt.at)), receipt.violation])
        self._ledger.commit(change, "settle a filing")

    def again(self, violation_id: str, by: str) -> None:
        """Puts a violation's filing that was refused back into the outbox, for a person who has looked.

        Raises:
            StepRefused: If its last filing was not refused: what waits or has arrived is not sent twice, and what was
                withdrawn since is not sent at all.
            ChangedMeanwhile: If somebody else did the same at this moment.
            StoreError: If Redis is away.
        """
        receipts = self.receipts(violation_id)
        held = self._receipt(violation_id, receipts[-1].key) if receipts else None
        if held is None or held[0].state != "refused":
            got = f"one {held[0].state}" if held is not None else "none"
            raise StepRefused(f"send again: expected a last filing that was refused, got {got}")
        refused, _ = held
        waits = Receipt(
            key=refused.key, violation=violation_id, district=refused.district, action=refused.action, state="waiting"
        )  # fmt: skip
        noted = entry(
            by, "violation.filed_again", subject=violation_id, why=refused.action, district=refused.district
        )
        change = Change(
            guards=[_as_it_was(*held)],
            commands=[
                ["XADD", keys.PROCEEDINGS, "*", "decision", refused.key, "violation", violation_id,
                 "action", refused.action],
                ["HSET", keys.filings(violation_id), refused.key, waits.model_dump_json()],
                ["ZREM", keys.REFUSED, violation_id],
            ],
            entries=[noted],
        )  # fmt: skip
        try:
            self._ledger.commit(change, "send a filing again")
        except Refused:
            raise ChangedMeanwhile(
                "send again: somebody else did at this moment; look what became of it"
            ) from None

    def receipts(self, violation_id: str) -> list[Receipt]:
        """What became of a violation's filings, those that still wait as well: in the order of their decisions.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read filings", self._ledger.address):
            decisions: Any = self._redis.lrange(keys.decisions(violation_id), 0, -1)
            found: Any = self._redis.hmget(keys.filings(violation_id), decisions) if decisions else []
        return [Receipt.model_validate_json(text) for text in found if text is not None]

    def refused(self, count: int = 100, within: Collection[str] | None = None) -> list[Receipt]:
        """Last filings of violations that their receiver will not have, the longest refused first.

        Args:
            count: Most filings.
            within: Only of violations of these districts; None: of all.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read refused filings", self._ledger.address):
            known: Any = self._redis.zrange(keys.REFUSED, 0, -1)
        ids = [each.decode() for each in known]
        here = ids if within is None else self._results.those_within(ids, within)
        last = (receipts[-1] for receipts in map(self.receipts, here) if receipts)
        return list(itertools.islice((each for each in last if each.state == "refused"), count))

    def _receipt(self, violation_id: str, key: str) -> tuple[Receipt, str] | None:
        """One receipt, and as it is written."""
        with told("read filings", self._ledger.address):
            text: Any = self._redis.hget(keys.filings(violation_id), key)
        return None if text is None else (Receipt.model_validate_json(text), text.decode())

    def filing(self, violation_id: str, key: str) -> Filing | None:
        """A filing that waits; None if its violation is gone.

        Raises:
            StoreError: If Redis is away.
        """
        entry, decided = self._results.event(violation_id), self._results.event(key)
        if entry is None or decided is None:
            return None
        decision = Decision.model_validate(decided.event.data)
        before = [Decision.model_validate(e.data) for e in self._results.decisions(violation_id)]
        return filing_of(entry, key, decision, before)


def _as_it_was(receipt: Receipt, text: str) -> tuple[list[str], str | None]:
    return (["HGET", keys.filings(receipt.violation), receipt.key], text)


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
