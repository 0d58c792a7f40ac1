"""Leads in Redis. One is written only while its case is active and covers it: whoever writes asks again."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from flows.domain import leads as life
from flows.domain.audit import Action
from flows.domain.cases import SYSTEM, SearchCase, covers, lives, person
from flows.domain.errors import CaseError, ChangedMeanwhile, FieldError
from flows.domain.events import Event
from flows.domain.leads import Lead, LeadFound, LeadView, Reason, Suppression, deadline, view_for
from flows.domain.patrol import Ending, Picture, Task, TaskRefused, lead_ending, require_on_the_way
from flows.store import keys
from flows.store.compacting import compact
from flows.store.connection import told
from flows.store.ledger import GRACE_MS, Change, Clock, Ledger, Refused, entry, to_ms, utc_now
from flows.store.taskrecord import make, unchanged
from flows.store.vault import Vault

log = logging.getLogger(__name__)

ATTEMPTS: Final = 8
"""People who answer one lead at the same moment take turns; so many never do."""
Guard = tuple[list[str], str | None]
"""A command and the answer it must give, see :class:`flows.store.ledger.Change`."""
STEP: Final = 200
"""Leads read at once, where all may be asked for."""
KEPT_MS: Final = 31 * 86_400_000
"""A confirmed lead is deleted by whoever sweeps, kept_days after its case; Redis lets it go a month after the latest
day on which that can be, if nobody sweeps."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of a lead that a patrol was sent to.

    Attributes:
        ending: Why nobody is sent there any more; None while somebody may be.
        gone: It is deleted, and so must be what was said of it.
    """

    ending: Ending | None
    gone: bool


class LeadStore:
    """Leads of search cases. They come over the results path, as ``dome.search.lead.v1`` events, and from nowhere else.

    All raise ``StoreError`` if Redis is away, ``CaseError`` where a lead's life forbids a step, and ``FieldError``
    for one that is not there (any more): from the end of its case, whenever that is put away, nobody confirms, is sent,
    or is shown what nobody confirmed. Whatever a person is shown is written to the audit log.

    Args:
        url: Of Redis.
        vault: Opens crops; None for who never looks at one.
        clock: The present; for tests.
    """

    def __init__(self, url: str, vault: Vault | None = None, clock: Clock = utc_now) -> None:
        self._ledger, self._vault = Ledger(url, clock), vault
        self._redis = self._ledger.client

    def close_connections(self) -> None:
        """Gives the connections back."""
        self._ledger.close()

    # Leads come in

    def take(self, event: Event) -> bool:
        """Writes a new lead with its alert, if its case is active, covers it now, and searching is not stopped.

        Called by the results path. Whatever is refused is said in the audit log; nothing else of it is kept.

        Returns:
            Whether it was new and lawful.

        Raises:
            StoreError: If Redis is away: it may be written all the same; bring it again.
        """
        try:
            found = LeadFound.model_validate(event.data)
        except ValidationError as error:
            return self._refused(event, "", f"malformed: {error.errors()[0]['loc']}")
        for _ in range(ATTEMPTS):
            case, stopped, known = self._around(event, found.case)
            if known:
                return False
            why = self._objection(event, found, case, stopped)
            if why or case is None:
                return self._refused(event, found.case, why)
            try:
                self._ledger.commit(self._arrival(event, found, case), "write a lead")
                return True
            except Refused:  # the case took a step, or the lead came twice at the same moment
                continue
        return self._refused(event, found.case, "its case changes too often")

    def _around(self, event: Event, case_id: str) -> tuple[SearchCase | None, bool, bool]:
        with told("read a lead's case", self._ledger.address):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hget(keys.case(case_id), "json")
            pipe.exists(keys.STOPPED)
            pipe.exists(keys.lead(event.id))
            pipe.sismember(keys.case(case_id, "gone"), event.id)
            text, stopped, there, gone = pipe.execute()
        return SearchCase.model_validate_json(text) if text else None, bool(stopped), bool(there or gone)

    def _objection(self, event: Event, found: LeadFound, case: SearchCase | None, stopped: bool) -> str:
        if case is None:
            return "there is no such case"
        if stopped:
            return "searching is stopped"
        place = (
            None if found.latitude is None or found.longitude is None else (found.latitude, found.longitude)
        )
        if not covers(case, event.camera_id, event.subject, event.time, self._ledger.now(), place):
            return f"the case is {case.state} and does not cover it"
        probes = getattr(case.target, "probes", ())
        return "" if found.probe in probes else "it was matched with no photo of the case"

    def _refused(self, event: Event, case_id: str, why: str) -> bool:
        refused = entry(
            SYSTEM, "lead.refused", case=case_id, subject=event.id, why=why, camera=event.camera_id
        )
        self._ledger.commit(Change(entries=[refused]), "refuse a lead")
        log.warning("lead %s refused: %s", event.id, why)
        return False

    def _arrival(self, event: Event, found: LeadFound, case: SearchCase) -> Change:
        # An urgent case may be authorised yet, and its leads wait on: where it is not, its end comes before this.
        due_at = deadline(self._ledger.now(), case.terms.lead_hours, case.expires_at)
        lead = Lead.of(event, case.purpose, due_at)
        key, due_ms = keys.lead(lead.id), to_ms(due_at)
        change = Change(guards=[*_searched(case), (["EXISTS", key], "0")])
        change.commands = [
            ["HSET", key, "json", lead.model_dump_json(), "state", lead.state, "version", "0", "case", case.id,
             "crop", found.crop, "template", found.template, "model", found.model],
            ["PEXPIREAT", key, str(min(due_ms, to_ms(case.ends_at)) + GRACE_MS)],
            ["ZADD", keys.case(case.id, "leads"), str(to_ms(lead.at)), lead.id],
            ["ZADD", keys.LEADS_DUE, str(due_ms), f"{case.id}/{lead.id}"],
        ]  # fmt: skip
        change.alert = _alert(lead, case)
        change.entries = [entry(SYSTEM, "lead.made", case=case.id, subject=lead.id, camera=lead.camera,
                                purpose=case.purpose)]  # fmt: skip
        return change

    # People look

    def raw(self, lead_id: str) -> Lead:
        """A lead with everybody's answers: for machines, never for a person."""
        with told("read a lead", self._ledger.address):
            text: Any = self._redis.hget(keys.lead(lead_id), "json")
        if text is None:
            raise _no_such(lead_id)
        return Lead.model_validate_json(text)

    def _kept(self, lead_id: str) -> Lead:
        """A lead that a person may be shown: one whose end has come is gone for them, whoever has swept."""
        lead = self.raw(lead_id)
        case, _ = self._case(lead.case)
        if case is None or not life.outlives(lead, case, self._ledger.now()):
            raise _no_such(lead_id)
        return lead

    def _case(self, case_id: str) -> tuple[SearchCase | None, bool]:
        """A case, and whether searching is stopped."""
        with told("read a lead's case", self._ledger.address):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hget(keys.case(case_id), "json")
            pipe.exists(keys.STOPPED)
            text, stopped = pipe.execute()
        return SearchCase.model_validate_json(text) if text else None, bool(stopped)

    def knows(self, lead_id: str) -> bool:
        """Whether there is such a lead.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a lead", self._ledger.address):
            return bool(self._redis.exists(keys.lead(lead_id)))

    def embedder(self, lead_id: str) -> str:
        """Name and sha256 of what compared its faces, see :class:`flows.domain.leads.LeadFound`.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a lead", self._ledger.address):
            text: Any = self._redis.hget(keys.lead(lead_id), "model")
        return text.decode() if text is not None else ""

    def raw_of_case(self, case_id: str) -> list[Lead]:
        """Leads of a case by their capture time, with everybody's answers: for machines, never for a person."""
        with told("list leads", self._ledger.address):
            ids: Any = self._redis.zrange(keys.case(case_id, "leads"), 0, -1)
            pipe = self._redis.pipeline(transaction=False)
            for lead_id in ids:
                pipe.hget(keys.lead(lead_id.decode()), "json")
            texts = pipe.execute() if ids else []
        return [Lead.model_validate_json(text) for text in texts if text is not None]

    def unanswered(self) -> Iterator[Lead]:
        """Leads that two people have not answered, those that are deleted soonest first, read some at a time: for
        machines."""
        for offset in itertools.count(0, STEP):
            with told("list leads", self._ledger.address):
                members: Any = self._redis.zrange(keys.LEADS_DUE, offset, offset + STEP - 1)
                pipe = self._redis.pipeline(transaction=False)
                for member in members:
                    pipe.hget(keys.lead(member.decode().partition("/")[2]), "json")
                texts = pipe.execute() if members else []
            found = (Lead.model_validate_json(text) for text in texts if text is not None)
            yield from (lead for lead in found if lead.state in life.UNANSWERED)
            if len(members) < STEP:
                return

    def of_case(self, case_id: str, by: str) -> list[LeadView]:
        """Leads of a case as a person may see them, the newest first.

        Raises:
            FieldError: If there is no case of that id.
            StoreError: If Redis is away.
        """
        person(by)
        (case, _), now = self._case(case_id), self._ledger.now()
        if case is None:
            raise FieldError("case", "the id of a case", repr(case_id), "see: dome case list")
        leads = [lead for lead in self.raw_of_case(case_id)[::-1] if life.outlives(lead, case, now)]
        looked = entry(by, "lead.viewed", case=case_id, leads=[lead.id for lead in leads])
        self._ledger.commit(Change(entries=[looked]), "list leads")
        return [view_for(lead, by) for lead in leads]

    def view(self, lead_id: str, by: str) -> LeadView:
        """One lead as a person may see it."""
        person(by)
        lead = self._kept(lead_id)
        looked = entry(by, "lead.viewed", case=lead.case, subject=lead_id)
        self._ledger.commit(Change(entries=[looked]), "view a lead")
        return view_for(lead, by)

    def crop(self, reference: str, by: str) -> bytes:
        """A picture that a lead names (``seen_crop``, ``probe_crop``), or a photo of a case that is not over: JPEG.

        Whoever looks is written down in the same script that finds the picture there.
        """
        person(by)
        kind, _, name = reference.partition("/")
        if kind == "leads":
            lead = self._kept(name)
            return self._opened(["HGET", keys.lead(name), "crop"], by, "lead.viewed", lead.case, name)
        if kind == "probes":
            case_id, _, probe_id = name.partition("/")
            case, _ = self._case(case_id)
            if case is None or not lives(case, self._ledger.now()):
                raise FieldError(
                    "crop", "a picture that is kept", repr(probe_id), "photos go with their case"
                )
            return self._opened(
                ["HGET", keys.case(case_id, "probes"), probe_id], by, "probe.viewed", case_id, probe_id
            )
        raise FieldError("crop", "leads/LEAD or probes/CASE/PROBE", repr(reference))

    def for_patrol(self, task: Task, which: Picture, by: str) -> bytes:
        """A picture of whom a patrol looks for: JPEG, for who has accepted the task, while it goes on.

        The script that writes down who looks finds task, lead and case as they were looked at: who is not on the way
        any more at that moment sees nothing.

        Raises:
            TaskRefused: If they have not accepted it, or its lead is deleted.
            CaseError: If the lead is not one that somebody is sent to, or its search is over.
            StoreError: If Redis is away.
        """
        person(by)
        require_on_the_way(task, by)
        try:
            lead = self.raw(task.about)
            case = self.running_case(lead)
        except FieldError:
            raise TaskRefused("pictures: the lead is deleted, and its pictures with it") from None
        if lead.state != "dispatched":
            raise CaseError(f"lead {lead.id}: expected one that somebody is sent to, got {lead.state}")
        command, action, subject = _picture(lead, which)
        seen_so = ["HGET", keys.lead(lead.id), "version"], str(lead.version)
        guards = [unchanged(task), seen_so, *_searched(case)]
        looked = entry(by, action, case=case.id, subject=subject, picture=True, task=task.id)
        try:
            return self._looked(command, looked, guards)
        except Refused:
            raise ChangedMeanwhile(f"task {task.id}: it has changed at this moment; look again") from None

    def _opened(self, command: list[str], by: str, action: Action, case_id: str, subject: str) -> bytes:
        looked = entry(by, action, case=case_id, subject=subject, picture=True)
        try:
            return self._looked(command, looked)
        except Refused:
            raise FieldError("crop", "a picture that is kept", repr(subject), "it was deleted") from None

    def _looked(self, command: list[str], looked: str, guards: Sequence[Guard] = ()) -> bytes:
        """A sealed picture, opened for somebody once it is written down that they look.

        Raises:
            Refused: If it is deleted, or something is not as it was seen.
        """
        if self._vault is None:
            raise FieldError("DOME_PROBE_KEY", "the key that pictures are sealed with", "nothing")
        with told("read a picture", self._ledger.address):
            token: Any = self._redis.hget(command[1], command[2])
        if token is None:
            raise Refused(0, None)
        change = Change(guards=[(command, token.decode()), *guards], entries=[looked])
        self._ledger.commit(change, "view a picture")
        return self._vault.open(token.decode())

    # People answer

    def confirm(self, lead_id: str, by: str) -> LeadView:
        """See :func:`flows.domain.leads.confirm`."""
        lead = self._answered(
            lead_id, by, lambda lead: life.confirm(lead, by, self._ledger.now()), "lead.confirmed"
        )
        return view_for(lead, by)

    def reject(self, lead_id: str, by: str, reason: Reason = "not_this_person") -> LeadView:
        """See :func:`flows.domain.leads.reject`. The crop is gone when it returns.

        Redis' file has been asked to let go of it by then.
        """
        lead = self._answered(
            lead_id, by, lambda lead: life.reject(lead, by, self._ledger.now(), reason), "lead.rejected"
        )
        return view_for(lead, by)

    def dispatch(self, lead_id: str, by: str) -> LeadView:
        """See :func:`flows.domain.leads.dispatch`. It is a patrol's task in the same moment."""
        return view_for(self._answered(lead_id, by, life.dispatch, "lead.dispatched"), by)

    def _answered(self, lead_id: str, by: str, step: Callable[[Lead], Lead], action: Action) -> Lead:
        person(by)
        for _ in range(ATTEMPTS):
            lead = self.raw(lead_id)
            case = None if action == "lead.rejected" else self.running_case(lead)
            after = step(lead)  # raises what forbids it, also what another has answered meanwhile
            change = self._change(lead, after, by, action)
            if case is not None:  # what was seen of it holds until it is used
                change.guards += _searched(case)
            if case is not None and action == "lead.dispatched":
                make(Task.of_lead(after, case, by=by, at=self._ledger.now()), change)
            try:
                self._ledger.commit(change, "answer a lead")
            except Refused:
                continue
            if action == "lead.rejected":
                compact(self._redis, self._ledger.address)
            return after
        raise ChangedMeanwhile(f"lead {lead_id}: others answer it at this moment; look again")

    def running_case(self, lead: Lead) -> SearchCase:
        """The case of a lead whose search goes on: see :func:`flows.domain.leads.require_search`.

        Raises:
            CaseError: If its search is over.
            FieldError: If its case is not kept.
            StoreError: If Redis is away.
        """
        case, stopped = self._case(lead.case)
        if case is None:
            raise _no_such(lead.id)
        life.require_search(lead, case, stopped, self._ledger.now())
        return case

    def fates(self, tasks: Sequence[Task]) -> dict[str, Fate]:
        """What has become of the leads that some tasks are about, by the task's id. Asks Redis twice.

        Raises:
            StoreError: If Redis is away.
        """
        if not tasks:
            return {}
        with told("read leads that somebody is sent to", self._ledger.address):
            pipe = self._redis.pipeline(transaction=False)
            for task in tasks:
                pipe.hget(keys.lead(task.about), "json")
            texts = pipe.execute()
            leads = [None if text is None else Lead.model_validate_json(text) for text in texts]
            names = [lead.case if lead else task.case for task, lead in zip(tasks, leads, strict=True)]
            wanted = sorted(set(names))
            pipe.exists(keys.STOPPED)
            for name in wanted:
                pipe.hget(keys.case(name), "json")
            stopped, *texts = pipe.execute()
        known = {
            name: None if text is None else SearchCase.model_validate_json(text)
            for name, text in zip(wanted, texts, strict=True)
        }
        now = self._ledger.surely_now()  # a task that ends with its case does not begin again
        return {
            task.id: Fate(lead_ending(lead, known[name], bool(stopped), now), lead is None)
            for task, lead, name in zip(tasks, leads, names, strict=True)
        }

    def _change(self, lead: Lead, after: Lead, by: str, action: Action) -> Change:
        key, member = keys.lead(lead.id), f"{lead.case}/{lead.id}"
        answer = after.answer_of(by)
        reason = answer.reason if answer is not None and action == "lead.rejected" else None
        change = Change(guards=[(["HGET", key, "version"], str(lead.version))])
        change.entries = [entry(by, action, case=lead.case, subject=lead.id, why=reason or "", state=after.state,
                                camera=lead.camera)]  # fmt: skip
        if after.state == "rejected":
            after = after.model_copy(update={"seen_crop": ""})
        change.commands.append(["HSET", key, "json", after.model_dump_json(), "state", after.state,
                                "version", str(after.version)])  # fmt: skip
        if after.state == "rejected":
            change.commands += [["HDEL", key, "crop"], ["ZADD", keys.LEADS_DUE, str(to_ms(lead.deadline_at)), member],
                                ["PEXPIREAT", key, str(to_ms(lead.deadline_at) + GRACE_MS)]]  # fmt: skip
            if reason == "not_this_person" and self._can_suppress(lead):
                change.entries.append(entry(by, "lead.suppressed", case=lead.case, subject=lead.id))
            else:
                change.commands.append(["HDEL", key, "template"])
            change.commands.append(["INCR", keys.CASES_VERSION])
        elif after.state == "confirmed":
            # Its template stays until its hours are over: whoever is sent may find that it is somebody else.
            change.commands.append(["PEXPIREAT", key, str(to_ms(lead.deadline_at) + 2 * KEPT_MS)])
        return change

    def _can_suppress(self, lead: Lead) -> bool:
        """Whether its template is there yet, and its hours are not over."""
        with told("read a lead", self._ledger.address):
            held: Any = self._redis.hexists(keys.lead(lead.id), "template")
        return bool(held) and self._ledger.now() < lead.deadline_at

    def reseal(self, case_id: str) -> int:
        """Seals crops and templates of a case by the current key, after it was rotated; how many there are.

        Raises:
            FieldError: If there is no key.
            StoreError: If one cannot be opened by any key, or Redis is away.
        """
        if self._vault is None:
            raise FieldError("DOME_PROBE_KEY", "the key that pictures are sealed with", "nothing")
        with told("list leads", self._ledger.address):
            ids: Any = self._redis.zrange(keys.case(case_id, "leads"), 0, -1)
        return sum(self._resealed(i.decode(), field) for i in ids for field in ("crop", "template"))

    def _resealed(self, lead_id: str, field: str) -> int:
        assert self._vault is not None
        key = keys.lead(lead_id)
        with told("read a picture", self._ledger.address):
            token: Any = self._redis.hget(key, field)
        if token is None:
            return 0
        change = Change(guards=[(["HGET", key, field], token.decode())])
        change.commands = [["HSET", key, field, self._vault.renewed(token.decode())]]
        try:
            self._ledger.commit(change, "seal a picture anew")
        except Refused:  # deleted at this moment
            return 0
        return 1

    # The matcher asks

    def suppressions(self, case_id: str) -> list[Suppression]:
        """Look-alikes that make no lead in a case now. For the matcher; changes are seen in ``Active.version``."""
        with told("read suppressions", self._ledger.address):
            ids: Any = self._redis.zrange(keys.case(case_id, "leads"), 0, -1)
            pipe = self._redis.pipeline(transaction=False)
            for lead_id in ids:
                pipe.hmget(keys.lead(lead_id.decode()), "state", "json", "template", "model")
            rows = pipe.execute() if ids else []
        now = self._ledger.now()
        found = []
        for state, text, template, model in rows:
            if state != b"rejected" or template is None:
                continue
            lead = Lead.model_validate_json(text)
            if now < lead.deadline_at:
                found.append(Suppression(lead=lead.id, case=case_id, probe=lead.probe, template=template.decode(),
                                         model=model.decode(), until_at=lead.deadline_at))  # fmt: skip
        return found


def _no_such(lead_id: str) -> FieldError:
    return FieldError("lead", "the id of a lead that is kept", repr(lead_id), "see: dome lead list CASE")


def _searched(case: SearchCase) -> list[Guard]:
    """Guards: the case has taken no step since it was read, and searching is not stopped."""
    return [(["HGET", keys.case(case.id), "version"], str(case.version)), (["EXISTS", keys.STOPPED], "0")]


def _picture(lead: Lead, which: Picture) -> tuple[list[str], Action, str]:
    """Where a sealed picture is, and how the audit log says that it was looked at."""
    if which == "seen":
        return ["HGET", keys.lead(lead.id), "crop"], "lead.viewed", lead.id
    return ["HGET", keys.case(lead.case, "probes"), lead.probe], "probe.viewed", lead.probe


def _alert(lead: Lead, case: SearchCase) -> list[str]:
    """What patrols and the console follow: no likeness, no name, no picture."""
    fields = {
        "lead": lead.id,
        "case": case.id,
        "purpose": case.purpose,
        "first": "1" if case.terms.first else "0",
        "camera": lead.camera,
        "district": lead.district,
        "at_ms": str(to_ms(lead.at)),
        "radius_m": f"{case.alert_radius_m:g}",
    }
    if lead.latitude is not None and lead.longitude is not None:
        fields |= {"latitude": str(lead.latitude), "longitude": str(lead.longitude)}
    return [word for pair in fields.items() for word in pair]
