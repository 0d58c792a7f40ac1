"""What the machine does with a report before a person sees it; what it cannot do, it says.

For each: its files are decoded (in a child), their own metadata held against the claim, pictures made in which nobody
is recognised, its clips run through the pipeline; reports of the same are merged; cameras' events nearby are attached.
Whatever is done is done again without harm if a replica dies in between: the report is written last, and only then are
files removed. What cannot be worked on waits behind all others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from flows.domain.errors import LostFile, StoreError
from flows.domain.places import Places, distance_m
from flows.domain.reports import (
    Attachment,
    Proposal,
    Report,
    Thing,
    fits,
    merged,
    step,
    told,
    with_file,
)
from flows.reports.checks import doubts, same, taken_at
from flows.reports.nearby import NEAR_M, Nearby
from flows.store.evidence import EvidenceStore
from flows.store.reports import ReportChanged, ReportsStore
from flows.store.results import ResultsStore
from flows.uploads.inspected import Inspected
from flows.uploads.inspector import HelperAway, Inspector, Seen
from flows.uploads.kinds import UploadRefused

log = logging.getLogger(__name__)

MACHINE: Final = "machine"
PATIENCE: Final = timedelta(days=1)
"""So long a report waits, from the first look at it, for files that cannot be decoded here and now: a machine is mended
in a day. Then people go on with it; such a file stays ``waiting``, and its original is kept."""
AT_ONCE: Final = 20
"""Reports looked at before others have their turn."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was made of a file.

    Attributes:
        shown: Contents of what others see, by name.
        subject: Box of what the report is about, px of the picture that is shown.
        proposals: What the pipeline proposes (of a clip); their ``picture`` is among ``shown``.
        unknown: What cannot be known, in words.
        size_px: Width and height of the pictures shown.
        things: What the report may be about.
        found: The boxes of all that was found, as :mod:`flows.reports.found` keeps them; empty where nobody could look.
    """

    shown: dict[str, bytes]
    subject: tuple[float, float, float, float] | None = None
    proposals: tuple[Proposal, ...] = ()
    unknown: tuple[str, ...] = ()
    size_px: tuple[int, int] = (0, 0)
    things: tuple[Thing, ...] = ()
    found: bytes = b""


class Looker(Protocol):
    """Makes what others see of a file, and looks at clips."""

    def look(
        self, path: Path, seen: Seen, attachment: Attachment, report: Report, found: bytes | None = None
    ) -> Looked:
        """What is to be shown of a file, which a child has decoded as ``seen``.

        Args:
            path: Of the file.
            seen: It, decoded.
            attachment: It, as the report has it; its ``thing`` is what a person says it is about.
            report: Whose it is.
            found: What was found in it before, once a person has said that.

        Raises:
            UploadRefused: If what was found in it cannot be shown any more.
            HelperAway: If that cannot be done now.
        """
        ...

    def close(self) -> None:
        """Ends whatever it has started."""
        ...


@dataclass
class ReportWork:
    """Looks at reports, one process at a time.

    Attributes:
        reports: Where they are.
        evidence: Where their files are.
        results: Where those are told who watch.
        nearby: Looks for cameras' events near them.
        inspector: Decodes files.
        looker: Makes what others see of them.
        timezone: IANA zone in which clocks without a zone are read.
        now: The present.
        busy: Whether others need the processor more; then one report is looked at each time.
    """

    reports: ReportsStore
    evidence: EvidenceStore
    results: ResultsStore
    nearby: Nearby
    inspector: Inspector
    looker: Looker
    timezone: str = "Asia/Almaty"
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    busy: Callable[[], bool] = field(default=lambda: False)
    _at_work: threading.Lock = field(default_factory=threading.Lock)
    _written: list[tuple[str, str]] = field(default_factory=list)
    """Folders and names of what was made of the report that is looked at."""

    def work(self) -> int:
        """Looks at what waits; how many reports it could do, 0 also where others need the processor more.

        Raises:
            StoreError: If Redis or the evidence store is away.
        """
        if not self._at_work.acquire(blocking=False):
            return 0
        try:
            if not self.reports.mine():
                return 0
            self.reports.sort_by_state()
            return self._work()
        finally:
            self._at_work.release()

    def _work(self) -> int:
        done = 0
        for report_id in self.reports.todo(AT_ONCE):
            report = self.reports.get(report_id)
            if report is None or not report.waits:
                self.reports.let_go(report_id)
                continue
            if not self.reports.mine():
                break
            self._written.clear()
            try:
                self.one(report) if report.state == "received" else self.anew(report)
                done += 1
                if self.busy():
                    return 0
            except HelperAway as error:
                log.warning("report %s waits: %s", report_id, error)
                self._waits(report)
            except ReportChanged:
                log.info("report %s was changed meanwhile", report_id)
                self._drop_unnamed(self.reports.get(report_id))
            except Exception:  # whatever it is: it is tried again when those behind it had their turn
                self.reports.put_behind(report_id)
                raise
        return done

    def _waits(self, report: Report) -> None:
        if report.away_at is None:
            with suppress(ReportChanged):
                self.reports.replace((report.model_copy(update={"away_at": self.now()}), report))
        self.reports.put_behind(report.id)

    def one(self, report: Report) -> Report:
        """Looks at one report, and writes what became of it.

        Raises:
            HelperAway: If its files cannot be decoded now.
            ReportChanged: If somebody was faster.
            StoreError: If a store is away.
        """
        places = self.reports.places()
        looked = self._corroborated(self._files(report), places)
        checked = step(looked, "checked", MACHINE, self.now(), _said(looked))
        near = self.reports.near(checked.latitude, checked.longitude, NEAR_M)
        main = same(checked, [each for each in near if fits(each, checked)])
        if main is not None and main.state != "received":
            grown, ended = merged(main, checked, MACHINE, self.now())
            grown = self._corroborated(grown, places)
            self.reports.replace((grown, main), (ended, report))
            self._drop_refused(checked)
            self._tell(grown)
            return grown
        done = step(checked, "proposed" if checked.proposals else "forwarded", MACHINE, self.now())
        self.reports.replace((done, report))
        self._drop_refused(done)
        self._tell(done)
        return done

    def anew(self, report: Report) -> Report:
        """Makes again what others see of files of which a person has said what they are about. See :meth:`one`."""
        after = report
        for attachment in report.files:
            if attachment.state == "chosen":
                after = self._anew(after, attachment)
        after = after.model_copy(update={"version": report.version + 1})
        self.reports.replace((after, report))
        self._tell(after)
        return after

    def _anew(self, report: Report, attachment: Attachment) -> Report:
        try:
            with _kept("what was found in it"):
                found = self.evidence.read(attachment.folder, attachment.found)
            with _kept("it"), self.evidence.local(attachment.folder, attachment.name) as path:
                looked = self.looker.look(path, self.inspector.inspect(path), attachment, report, found)
        except (
            UploadRefused
        ) as error:  # it could be decoded before: nothing of it is shown, and the original stays
            said = f"what others see of a file could not be made again: {error}"
            done = with_file(report, attachment.model_copy(update={"state": "seen"}))
            return done.model_copy(update={"unknown": (*report.unknown, said)})
        self._put(attachment, looked.shown)
        done = with_file(report, attachment.model_copy(update=_made(looked)))
        proposals = (*(p for p in report.proposals if p.file != attachment.sha256), *looked.proposals)
        return done.model_copy(update={"proposals": proposals})

    def _files(self, report: Report) -> Report:
        files, proposals, unknown = [], list(report.proposals), list(report.unknown)
        for attachment in report.files:
            seen, looked = self._file(attachment, report)
            files.append(seen)
            if looked is not None:
                proposals += looked.proposals
                unknown += [said for said in looked.unknown if said not in unknown]
        return report.model_copy(
            update={"files": tuple(files), "proposals": tuple(proposals), "unknown": tuple(unknown)}
        )

    def _file(self, attachment: Attachment, report: Report) -> tuple[Attachment, Looked | None]:
        try:
            with _kept("it"), self.evidence.local(attachment.folder, attachment.name) as path:
                seen = self.inspector.inspect(path)
                looked = self.looker.look(path, seen, attachment, report)
        except UploadRefused as error:
            return attachment.model_copy(update={"state": "refused", "why": str(error)}), None
        except HelperAway as error:
            if report.away_at is None or self.now() - report.away_at < PATIENCE:
                raise
            log.error("report %s goes on without %s: %s", report.id, attachment.stem, error)
            return attachment, None
        self._put(attachment, looked.shown | ({attachment.found: looked.found} if looked.found else {}))
        known = _made(looked) | {"seconds": seen.inspected.seconds} | self._against(seen.inspected, report)
        return attachment.model_copy(update=known), looked

    def _put(self, attachment: Attachment, files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            self._written.append((attachment.folder, name))
            self.evidence.put(attachment.folder, name, data)

    def _drop_unnamed(self, held: Report | None) -> None:
        """Removes what was made of a report that was erased meanwhile, and nothing of one that was sent anew."""
        named = {(f.folder, name) for f in held.files for name in (*f.shown, f.found)} if held else set()
        for folder, name in self._written:
            if (folder, name) not in named:
                self.evidence.drop(folder, name)

    def _drop_refused(self, report: Report) -> None:
        """Removes what could not be decoded. What cannot be removed now goes with the report: nobody is given it."""
        for file in report.files:
            if file.state == "refused":
                try:
                    self.evidence.drop(file.folder, file.name)
                except StoreError as error:
                    log.warning("report %s: %s", report.id, error)

    def _against(self, file: Inspected, report: Report) -> dict[str, object]:
        """A file's own place and time against the claim: how far off they are is kept, what they are is not."""
        found = doubts(
            report.latitude, report.longitude, report.happened_at, report.received_at, file, self.timezone
        )
        taken, away_m = taken_at(file, self.timezone), None
        if file.latitude is not None and file.longitude is not None:
            away_m = distance_m((report.latitude, report.longitude), (file.latitude, file.longitude))
        apart_s = None if taken is None else (taken - report.happened_at).total_seconds()
        return {"doubts": tuple(found), "away_m": away_m, "apart_s": apart_s}

    def _corroborated(self, report: Report, places: Places) -> Report:
        """The report with what cameras nearby have told so far."""
        return report.model_copy(update={"nearby": tuple(e.id for e in self.nearby.of(report, places))})

    def _tell(self, report: Report) -> None:
        """Tells those who watch. Nobody is named in it; if it cannot be told, lists show it all the same."""
        try:
            self.results.write([told(report)])
        except StoreError as error:
            log.warning("report %s: %s", report.id, error)


@contextmanager
def _kept(what: str) -> Iterator[None]:
    """Refuses what is gone: to wait for it would be in vain."""
    try:
        yield
    except LostFile:
        raise UploadRefused(f"{what} is not kept any more") from None


def _made(looked: Looked) -> dict[str, object]:
    """What a file's record says of what was made of it."""
    width_px, height_px = looked.size_px
    return {"state": "seen", "width_px": width_px, "height_px": height_px, "shown": tuple(looked.shown),
            "subject": looked.subject, "things": looked.things}  # fmt: skip


def _said(report: Report) -> str:
    refused = sum(file.state == "refused" for file in report.files)
    return f"{refused} of {len(report.files)} files could not be decoded" if refused else ""
