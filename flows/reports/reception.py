"""The door for citizens' reports: a receipt is given when everything is kept, and never before.

Files first, then the report: whoever was answered has a report in Redis whose files are on the disk. Whoever was not
answered (Redis is away, the disk is full, a replica was killed) sends the same again and gets the same receipt.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from flows.domain.audit import Action
from flows.domain.errors import FieldError, StoreError
from flows.domain.reports import (
    MOST_FILES,
    Attachment,
    Report,
    Reporter,
    ReportRefused,
    State,
    chosen,
    folder_of,
    routed,
    routing,
    step,
    stepped,
    tracking_id,
    without,
)
from flows.reports.checks import district_of
from flows.store.evidence import EvidenceStore
from flows.store.ledger import entry, from_ms
from flows.store.present import ClockDoubted
from flows.store.reports import ReportsStore
from flows.uploads.kinds import HEAD_BYTES, MEDIA_TYPES, Limits, UploadRefused, kind_of

log = logging.getLogger(__name__)

EARLY: Final = timedelta(minutes=5)
"""How far a phone's clock may be ahead."""
LONGEST_AGO: Final = timedelta(days=60)
"""An administrative case is opened within two months of the offence; what is older has no end to go to."""
STEPS: Final[dict[str, tuple[State, Action]]] = {
    "confirm": ("confirmed", "report.confirmed"),
    "decline": ("declined", "report.declined"),
    "reopen": ("forwarded", "report.forwarded"),
    "close": ("closed", "report.closed"),
}
SAY_WHY: Final = ("decline", "reopen")
"""Steps that the reporter hears a reason for."""
FORWARD: Final = "forward"
MANY: Final = 10
"""Receipts within a second from which looking at files gives way: it takes a core what fifty receipts take."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says happened.

    Attributes:
        channel: Through which it came.
        reference: The channel's own number for it.
        service: What is reported.
        text: In their words.
        latitude: Where, degrees.
        longitude: Likewise.
        address: As they say it.
        happened_at: When, aware UTC; None: now.
    """

    channel: str
    reference: str
    service: str
    latitude: float
    longitude: float
    text: str = ""
    address: str = ""
    happened_at: datetime | None = None


class Reception:
    """Takes reports in, moves them, and forgets them. Safe to use from several threads.

    Args:
        reports: Where they are.
        evidence: Where their files are.
        limits: What may be sent.
        now: The present.
        surely_now: The present by which things are deleted (:class:`flows.store.present.Present`); ``now`` by default.
    """

    def __init__(
        self,
        reports: ReportsStore,
        evidence: EvidenceStore,
        limits: Limits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        surely_now: Callable[[], datetime] | None = None,
    ) -> None:
        self._surely_now = surely_now or now
        self._reports, self._evidence, self._owed = reports, evidence, reports.owed(evidence.remove)
        self._limits, self._now = limits or Limits(), now
        self._recent: deque[float] = deque(maxlen=MANY)

    def accept(self, claim: Claim, files: Sequence[bytes | Path] = ()) -> Report:
        """Keeps a report with its files; one that was sent before is returned as it is.

        Args:
            claim: What it says.
            files: Photos and clips, or where they lie on this machine.

        Raises:
            FieldError: If something in it cannot be; names the field. See :meth:`known`, too.
            UploadRefused: If a file is nothing that is accepted.
            StoreError: If it cannot be kept now: nothing was promised, send the same again.
        """
        self._recent.append(time.monotonic())
        now = self._now()
        tracking = tracking_id(claim.channel, claim.reference)
        held = self.known(claim.channel, claim.reference)
        if held is not None:
            return held
        made = self._made(claim, tracking, now)
        attachments = self._attachments(files, folder_of(tracking))
        self._reports.begin(tracking, now)
        self._owed.settle(
            folder_of(tracking)
        )  # else files of one that was erased, and these with them, went later
        for attachment, data in attachments:
            self._evidence.put(attachment.folder, attachment.name, data)
        return self._reports.add(made.model_copy(update={"files": tuple(a for a, _ in attachments)}))

    def known(self, channel: str, reference: str) -> Report | None:
        """What a channel reported by a reference before, None for a new one.

        Raises:
            FieldError: If that was erased while others' words go on by its number: nothing is kept by it again.
            StoreError: If Redis is away.
        """
        tracking = tracking_id(channel, reference)
        held = self._reports.get(tracking)
        if held is not None and all(r.tracking != tracking for r in held.reporters):
            raise FieldError("reference", "a new one", repr(reference), "what it named was erased")
        return held

    def busy(self) -> bool:
        """Whether many reports come in now: whoever waits for a receipt goes first."""
        recent = list(self._recent)
        return len(recent) == MANY and time.monotonic() - recent[0] < 1.0

    def step(
        self, report: Report, name: str, version: int, by: str, note: str = "", district: str = ""
    ) -> Report:
        """A person's step; of two at the same moment one is taken, and one sent again is taken once.

        Raises:
            FieldError: If a reason is missing where the reporter is told of it.
            ReportRefused: If its state does not allow it, or it was changed meanwhile.
            StoreError: If Redis is away.
        """
        state = report.state if name == FORWARD else STEPS[name][0]
        kept = routing(district, note.strip()) if name == FORWARD else note.strip()
        if stepped(report, state, by, version, kept):
            return report
        _expect(report, version, name)
        if name in SAY_WHY and not note.strip():
            raise FieldError("note", "why, as the reporter is to hear it", "nothing")
        if name == FORWARD:
            known = {d.id for d in self._reports.places().districts}
            if known and district not in known:
                raise FieldError("district", f"one of {', '.join(sorted(known))}", repr(district))
            after, action = routed(report, district, by, self._now(), note.strip()), "report.forwarded"
        else:
            after, action = step(report, state, by, self._now(), note.strip()), STEPS[name][1]
        # The log names the districts that it concerns: the one that had it, too.
        said = entry(by, action, subject=report.id, why=note.strip(), district=report.district)  # type: ignore[arg-type]
        self._reports.replace((after, report), entries=[said])
        return after

    def choose(self, report: Report, sha256: str, thing: int | None, version: int, by: str) -> Report:
        """Says what a file is about (:func:`flows.domain.reports.chosen`); written down. What others saw of it is gone.

        A choice sent again is made once.

        Args:
            report: As it is now.
            sha256: Of the file.
            thing: One of its things, or None for nothing.
            version: That the person looked at.
            by: Who.

        Raises:
            FieldError: If there is no such file or thing.
            ReportRefused: If its state does not allow it, or it was changed meanwhile.
            StoreError: If Redis is away.
        """
        before = next((f for f in report.files if f.sha256 == sha256), None)
        if (
            before is not None
            and (before.thing, before.chosen_by) == (thing, by)
            and report.version > version
        ):
            return report  # whatever the machine has made of it since
        _expect(report, version, "choose")
        after = chosen(report, sha256, thing, by)
        assert before is not None, "chosen() refuses a file that is not there"
        what = (
            "nothing" if thing is None else next(t.cls or "a thing" for t in before.things if t.id == thing)
        )
        said = entry(by, "report.subject_chosen", subject=report.id, district=report.district, file=sha256[:16],
                     about=what)  # fmt: skip
        self._reports.replace((after, report), entries=[said])
        for name in before.shown:
            try:
                self._evidence.drop(before.folder, name)
            except StoreError as error:  # nobody is shown it by any name; it goes with the report
                log.warning("%s", error)
        return after

    def erase(self, channel: str, tracking: str) -> bool:
        """Forgets one who reported, with their words and files; False if the channel has no such report.

        A report that others told of as well stays with what is theirs; else it goes altogether. Files that cannot be
        removed now, because their disk is away, go as soon as they can be.

        Raises:
            ReportChanged: If somebody took a step at this moment: try again.
            StoreError: If Redis is away: try again.
        """
        report = self._reports.get(tracking)
        if report is None or not any(
            r.tracking == tracking and r.channel == channel for r in report.reporters
        ):
            return False
        said = entry(f"channel {channel}", "report.erased", subject=tracking, district=report.district)
        self._owed.owe([folder_of(tracking)])
        kept = self._kept_by(report)
        if kept is not None and (left := without(kept, tracking)) is not None:
            self._reports.replace((left, kept), entries=[said])
        elif kept is not None:
            self._reports.remove(kept.id, said)
        if report.state == "merged" or kept is None:
            self._reports.remove(tracking, said)
        self._owed.pay([folder_of(tracking)])
        self._reports.compact()
        return True

    def forget(self) -> int:
        """Removes what has been kept for as long as it may be; how much. Files whose disk is away go when it is back.
        Where this machine's clock is doubted nothing is over.

        Raises:
            StoreError: If Redis is away.
        """
        gone = 0
        try:
            now = self._surely_now()
        except ClockDoubted as error:
            log.error("%s", error)
            now = from_ms(0)
        for report_id in self._reports.due(now):
            report = self._reports.get(report_id)
            district = report.district if report is not None else ""
            merged_away = report is not None and report.state == "merged"
            tellers = {report_id} | ({r.tracking for r in report.reporters} if report is not None else set())
            said = entry("system", "report.forgotten", subject=report_id, district=district)
            folders = [] if merged_away else [folder_of(tracking) for tracking in sorted(tellers)]
            gone += self._reports.remove(report_id, said, folders, due=now)
        self._owed.pay()
        self._reports.compact(gone > 0)
        return gone

    def original(self, report: Report, sha256: str, by: str, why: str) -> tuple[Attachment, bytes]:
        """A file as it was sent, with everybody in it; who opened it and why is written down before.

        Raises:
            FieldError: If no reason is given, or there is no such file.
            StoreError: If it cannot be read now, or the log cannot be written.
        """
        if not why.strip():
            raise FieldError("why", "what the original is needed for", "nothing", "it stays in the log")
        found = next((f for f in report.files if f.sha256 == sha256 and f.state != "refused"), None)
        if found is None:
            raise FieldError("file", "one of the report's", sha256)
        self._reports.note(
            entry(by, "report.original_viewed", subject=report.id, why=why.strip(), district=report.district,
                  file=sha256[:16])
        )  # fmt: skip
        return found, self._evidence.read(found.folder, found.name)

    def _kept_by(self, report: Report) -> Report | None:
        """The report that goes on for one, which is itself unless it was merged."""
        found: Report | None = report
        while found is not None and found.merged_into:
            found = self._reports.get(found.merged_into)
        return found

    def _made(self, claim: Claim, tracking: str, now: datetime) -> Report:
        happened_at = (claim.happened_at or now).astimezone(UTC)
        if not now - LONGEST_AGO <= happened_at <= now + EARLY:
            raise FieldError(
                "happened_at", f"a time in the last {LONGEST_AGO.days} days", happened_at.isoformat()
            )
        district = district_of(claim.latitude, claim.longitude, self._reports.places())
        try:
            reporter = Reporter(channel=claim.channel, reference=claim.reference, at=now, text=claim.text)
            return Report(
                id=tracking, service=claim.service, text=claim.text, latitude=claim.latitude,
                longitude=claim.longitude, address=claim.address, happened_at=happened_at, reporters=(reporter,),
                district=district,
            )  # fmt: skip
        except ValidationError as error:
            wrong = error.errors()[0]
            field = ".".join(str(part) for part in wrong["loc"]) or "service"
            raise FieldError(field, wrong["msg"], repr(wrong["input"])[:100]) from None

    def _attachments(
        self, files: Sequence[bytes | Path], folder: str
    ) -> list[tuple[Attachment, bytes | Path]]:
        if len(files) > MOST_FILES:
            raise FieldError("files", f"at most {MOST_FILES}", len(files))
        made = [(self._attachment(data, folder), data) for data in files]
        return list({attachment.sha256: (attachment, data) for attachment, data in made}.values())

    def _attachment(self, data: bytes | Path, folder: str) -> Attachment:
        if isinstance(data, Path):
            with data.open("rb") as file:
                head, size = file.read(HEAD_BYTES), data.stat().st_size
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            head, size, digest = data[:HEAD_BYTES], len(data), hashlib.sha256(data).hexdigest()
        kind = kind_of(head)
        most = self._limits.most_bytes(kind)
        if size > most:
            raise UploadRefused(
                f"expected at most {most / 2**20:.0f} MB of that kind, got {size / 2**20:.1f} MB"
            )
        return Attachment(sha256=digest, size=size, media_type=MEDIA_TYPES[kind], folder=folder)


def _expect(report: Report, version: int, what: str) -> None:
    if version != report.version:
        raise ReportRefused(
            f"{what}: expected version {report.version}, got {version}: somebody was faster, look again",
            code="changed",
        )
