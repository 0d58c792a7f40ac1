"""Every Redis key of the project, in one place.

All carry the hash tag ``{dome}``: in a Redis cluster they live in one slot, so that one script may touch
them.

| key | type | holds |
|---|---|---|
| ``{dome}:events`` | stream | one entry an event, in the order of writing: ``id type camera district`` |
| ``{dome}:events:type:T`` | stream | the same entries, of one type |
| ``{dome}:events:camera:C`` | stream | the same entries, of one camera |
| ``{dome}:event:ID`` | hash | ``json``: the CloudEvent, ``place``: its stream id, ``evidence``: its package |
| | | of a violation also ``plate``: what was read, ``decision``: the one that holds |
| | | and its ``number``, ``state``: what it is now; ``district``, ``rule``, ``ms``, ``severity`` |
| | | and ``bears`` (the plate it is listed under): what its indexes need |
| ``{dome}:decisions:ID`` | list | ids of all decisions on a violation, oldest first |
| ``{dome}:state:S`` | sorted set | violations in the state, by capture time, ms since 1970 |
| ``{dome}:violations:D|R|S`` | sorted set | violations of a district, a rule, in a state, by capture time, ms; |
| | | an empty R or S is any |
| ``{dome}:violations:plate:P`` | sorted set | violations of a plate (normalised), by capture time, ms |
| ``{dome}:violations:camera:C`` | sorted set | likewise, of a camera |
| ``{dome}:violations:cameras`` | string | there where these are whole: a Redis may be older than they are |
| ``{dome}:review:queue:D`` | sorted set | a district's violations that wait for a reviewer: capture time, ms, less |
| | | 1e13 for each degree of severity: the severest first, then the oldest |
| ``{dome}:review:claims`` | sorted set | violations in review, by the time of the claim, ms |
| ``{dome}:violations:unremoved`` | set | packages of violations that were deleted, until they are removed: JSON |
| ``{dome}:violations:deleted`` | sorted set | hashes of violations that were deleted, by when they are forgotten, ms; |
| | | see :mod:`flows.store.deleted` |
| ``{dome}:outbox:proceedings`` | stream | ``decision violation action`` that the electronic proceedings must hear of |
| ``{dome}:outbox:refused`` | sorted set | violations of which they would not have the last filing, by when, ms |
| ``{dome}:filings:ID`` | hash | of a violation: what became of each filing, or that it waits: ``Receipt`` as |
| | | JSON by its key |
| ``{dome}:answer:K`` | string | of a write with an idempotency key: that it was done, and the id of what it made, |
| | | JSON; never what was answered; expires |
| ``{dome}:session:H`` | string | a console's session by the hash of its cookie: its tokens, sealed with the cookie; |
| | | expires, see :mod:`flows.store.sessions` |
| ``{dome}:session:H:turn`` | string | somebody renews its tokens now; expires |
| ``{dome}:camera:districts`` | hash | each camera's district |
| ``{dome}:camera:outlines`` | hash | each camera's outlines as JSON |
| ``{dome}:camera:last`` | hash | what each camera told last, as JSON, also after it fell silent |
| ``{dome}:picture:wanted:C`` | string | somebody looks at the camera's picture; expires |
| ``{dome}:picture:C`` | string | its newest picture, small: capture time in ms and JPEG; expires |
| ``{dome}:webhooks`` | hash | id to a ``Webhook`` as JSON |
| ``{dome}:webhook:ID`` | hash | ``place``: of the last event it had, ``failures``, ``due_ms``; ``again``: what was |
| | | put aside up to there is sent once more |
| ``{dome}:webhook:ID:dead`` | stream | events that it did not take: ``place id why`` |
| ``{dome}:upload:ID`` | hash | a file on its way, see :mod:`flows.store.uploads`; expires |
| ``{dome}:turn:W`` | string | which process does some work now; expires |
| ``{dome}:districts`` | set | districts that have events |
| ``{dome}:exemptions`` | hash | name to the list of exempt plates that holds, as JSON |
| ``{dome}:exemptions:versions`` | hash | name to ``issued ms|sha256`` of that list |
| ``{dome}:times:type:T`` | sorted set | event ids by capture time, ms since 1970 |
| ``{dome}:times:camera:C`` | sorted set | likewise, of one camera |
| ``{dome}:times:district:D`` | sorted set | likewise, of one district |
| ``{dome}:counts:DAY`` | hash | ``district|type`` to the number of events captured on that UTC day |
| ``{dome}:days`` | set | the days that have counters |
| ``{dome}:status:C`` | string | a camera's ``CameraStatus`` as JSON, expires |
| ``{dome}:cameras`` | sorted set | cameras by the time of their last report, s since 1970, for a day |
| ``{dome}:case:ID`` | hash | a search case: ``json state version``, until it ends ``marks`` |
| ``{dome}:case:ID:probes`` | hash | probe id to the photo, sealed; expires with the case |
| ``{dome}:case:ID:leads`` | sorted set | ids of its leads by capture time, ms |
| ``{dome}:case:ID:gone`` | set | ids of leads that were deleted: they do not come back |
| ``{dome}:case:ID:route`` | sorted set | where its vehicle was, JSON by capture time, ms |
| ``{dome}:cases`` | sorted set | all cases by the time they were made, ms |
| ``{dome}:cases:open`` | sorted set | those that have not ended, by when they end by themselves, ms |
| ``{dome}:cases:active`` | set | those that are searched for |
| ``{dome}:cases:urgent:MARK`` | string | until when (ms) a target waits for authorisation, and why; expires |
| ``{dome}:cases:forget`` | sorted set | ended ones by when the last of what they brought goes, ms |
| ``{dome}:cases:uncompacted`` | string | there while deleted things may still stand in the append-only file |
| ``{dome}:cases:unsearched:V`` | hash | of version V of what may be searched: active cases that are not searched as |
| | | they were asked for, and why; expires a minute after a search said it last |
| ``{dome}:cases:version`` | string | a number that any change of what may be searched raises |
| ``{dome}:stopped`` | string | the stop switch: who, when and why, as JSON; absent while it is off |
| ``{dome}:lead:ID`` | hash | a lead: ``json state version case model``, ``crop`` and ``template`` sealed; expires |
| ``{dome}:leads:due`` | sorted set | ``CASE/LEAD`` by when they go, ms; of those that are confirmed the template |
| ``{dome}:alerts`` | stream | one entry a lead: ``lead case purpose first camera district at_ms radius_m`` |
| ``{dome}:alerts:places`` | hash | lead to its place there, until the lead is deleted |
| ``{dome}:plate:HASH:HOUR`` | sorted set | where a plate was seen in that UTC hour, JSON by capture time, ms; expires |
| ``{dome}:audit`` | stream | the audit log, entry ``SEQ-1``: ``at body prev hash`` |
| ``{dome}:audit:head`` | hash | ``seq``, ``hash`` and ``at`` of its last entry |
| ``{dome}:audit:sealed`` | hash | ``seal``, JSON of the newest seal, and ``sha256`` of its file |
| ``{dome}:patrol:task:ID`` | hash | a patrol's task: ``json version`` |
| ``{dome}:patrol:tasks`` | sorted set | tasks by the time they were made, ms since 1970 |
| ``{dome}:patrol:open`` | sorted set | tasks that are not over, likewise |
| ``{dome}:patrol:over`` | sorted set | those that are (resolved, ended), by when they came to it, ms |
| ``{dome}:patrol:forget`` | sorted set | the same by when they are deleted, ms |
| ``{dome}:patrol:leads`` | set | tasks about leads and reports, until those are deleted |
| ``{dome}:patrol:untold`` | set | tasks that ended by themselves, until their event is written |
| ``{dome}:patrol:places:D`` | geo set | tasks of a district that are not over, by place; an empty D is any |
| ``{dome}:patrol:calling:D`` | geo set | those of them that call patrols from afar, likewise |
| ``{dome}:patrol:unplaced:D`` | sorted set | those of which nobody knows where it is, by when they were made, ms |
| ``{dome}:passages:unremoved`` | set | folders of passages that did nothing, until they are removed |
| ``{dome}:report...`` | | citizens' reports, see :mod:`flows.store.reports` |
| ``{dome}:evidence:stores`` | hash | each evidence store's address to its id, see :mod:`flows.store.mounting` |
| ``{dome}:present`` | string | when something was last deleted by its age, or could have been, ms |
| ``{dome}:present:doubted`` | string | since when nothing is, because the clock has leapt ahead, ms; else absent |
| ``{dome}:clock`` | string | the latest time that the searches have seen, ms: it never goes back |
| ``{dome}:nothing`` | | never there: deleting it shows whether Redis takes what is written |

The scripts beside this file (``write.lua``, ``prune.lua``, ``forget.lua``, ``unconfirmed.lua``, ``unreport.lua``,
``exempt.lua``, ``commit.lua``, ``note.lua``, ``report.lua``, ``bystate.lua``) build the same names from :data:`PREFIX`.
"""

from __future__ import annotations

PREFIX = "{dome}:"
EVENTS = f"{PREFIX}events"
DAYS = f"{PREFIX}days"
CAMERAS = f"{PREFIX}cameras"
CAMERA_DISTRICTS = f"{PREFIX}camera:districts"
CAMERA_OUTLINES = f"{PREFIX}camera:outlines"
CAMERA_LAST = f"{PREFIX}camera:last"
WEBHOOKS = f"{PREFIX}webhooks"
DISTRICTS = f"{PREFIX}districts"
CLAIMS = f"{PREFIX}review:claims"
PROCEEDINGS = f"{PREFIX}outbox:proceedings"
REFUSED = f"{PREFIX}outbox:refused"
VIOLATIONS_CAMERAS = f"{PREFIX}violations:cameras"

VIOLATIONS_UNREMOVED = f"{PREFIX}violations:unremoved"
PASSAGES_UNREMOVED = f"{PREFIX}passages:unremoved"
VIOLATIONS_DELETED = f"{PREFIX}violations:deleted"
EXEMPTIONS = f"{PREFIX}exemptions"
EXEMPTION_VERSIONS = f"{PREFIX}exemptions:versions"
CASES = f"{PREFIX}cases"
CASES_OPEN = f"{CASES}:open"
CASES_ACTIVE = f"{CASES}:active"
CASES_FORGET = f"{CASES}:forget"
UNCOMPACTED = f"{CASES}:uncompacted"
CASES_VERSION = f"{CASES}:version"
STOPPED = f"{PREFIX}stopped"
LEADS_DUE = f"{PREFIX}leads:due"
ALERTS = f"{PREFIX}alerts"
AUDIT = f"{PREFIX}audit"
AUDIT_HEAD = f"{AUDIT}:head"
AUDIT_SEALED = f"{AUDIT}:sealed"
CLOCK = f"{PREFIX}clock"
NOTHING = f"{PREFIX}nothing"
EVIDENCE_STORES = f"{PREFIX}evidence:stores"
PRESENT = f"{PREFIX}present"
PRESENT_DOUBTED = f"{PRESENT}:doubted"
TASKS = f"{PREFIX}patrol:tasks"
TASKS_OPEN = f"{PREFIX}patrol:open"
TASKS_OVER = f"{PREFIX}patrol:over"
TASKS_FORGET = f"{PREFIX}patrol:forget"
TASKS_LEADS = f"{PREFIX}patrol:leads"
TASKS_UNTOLD = f"{PREFIX}patrol:untold"


def urgent_start(mark: str) -> str:
    """Who is searched for on authorisation alone for a while, by a mark that names nobody."""
    return f"{CASES}:urgent:{mark}"


def unsearched(version: str) -> str:
    """Active cases that are not searched as they were asked for."""
    return f"{CASES}:unsearched:{version}"


def event(event_id: str) -> str:
    """One event's record."""
    return f"{PREFIX}event:{event_id}"


def decisions(violation_id: str) -> str:
    """All decisions on a violation."""
    return f"{PREFIX}decisions:{violation_id}"


def state(name: str) -> str:
    """Violations that are in a state."""
    return f"{PREFIX}state:{name}"


def violations(district: str, rule: str = "", state: str = "") -> str:
    """Violations by capture time; an empty rule or state is any."""
    return f"{PREFIX}violations:{district}|{rule}|{state}"


def violations_of_plate(plate: str) -> str:
    """Violations of a normalised plate by capture time."""
    return f"{PREFIX}violations:plate:{plate}"


def violations_of_camera(camera_id: str) -> str:
    """Violations of a camera by capture time."""
    return f"{PREFIX}violations:camera:{camera_id}"


def filings(violation_id: str) -> str:
    """What the proceedings have of a violation."""
    return f"{PREFIX}filings:{violation_id}"


def answer(key: str) -> str:
    """What is known of a write by its idempotency key."""
    return f"{PREFIX}answer:{key}"


def session(hashed: str, part: str = "") -> str:
    """A console's session, or a part of it: ``turn``."""
    return f"{PREFIX}session:{hashed}" + (f":{part}" if part else "")


def picture(camera_id: str) -> str:
    """A camera's newest picture."""
    return f"{PREFIX}picture:{camera_id}"


def picture_wanted(camera_id: str, by: str = "") -> str:
    """That somebody looks at it; that this person does."""
    return f"{PREFIX}picture:wanted:{camera_id}{by and ':' + by}"


def webhook(hook_id: str, part: str = "") -> str:
    """How far a webhook's deliveries are; ``dead``: what it did not take."""
    return f"{PREFIX}webhook:{hook_id}{':' if part else ''}{part}"


def turn(work: str) -> str:
    """Which process does some work."""
    return f"{PREFIX}turn:{work}"


def review_queue(district: str) -> str:
    """Violations that wait for a reviewer."""
    return f"{PREFIX}review:queue:{district}"


def stream(*, type: str | None = None, camera: str | None = None) -> str:
    """The narrowest stream that holds everything asked for: a camera's, a type's, or all events."""
    if camera:
        return f"{EVENTS}:camera:{camera}"
    return f"{EVENTS}:type:{type}" if type else EVENTS


def times(kind: str, name: str) -> str:
    """Event ids by capture time; ``kind`` is ``type``, ``camera`` or ``district``."""
    return f"{PREFIX}times:{kind}:{name}"


def counts(day: str) -> str:
    """A day's counters; ``day`` is ``YYYY-MM-DD`` in UTC."""
    return f"{PREFIX}counts:{day}"


def status(camera_id: str) -> str:
    """How a camera is doing."""
    return f"{PREFIX}status:{camera_id}"


def case(case_id: str, part: str = "") -> str:
    """A search case, or a part of it: ``probes``, ``leads``, ``gone``, ``route``."""
    return f"{PREFIX}case:{case_id}" + (f":{part}" if part else "")


def lead(lead_id: str) -> str:
    """A lead's record."""
    return f"{PREFIX}lead:{lead_id}"


def task(task_id: str) -> str:
    """A patrol's task."""
    return f"{PREFIX}patrol:task:{task_id}"


def tasks_places(district: str = "") -> str:
    """A district's tasks that are not over, by place; an empty district is any."""
    return f"{PREFIX}patrol:places:{district}"


def tasks_calling(district: str = "") -> str:
    """Those of them that call patrols from afar, by place."""
    return f"{PREFIX}patrol:calling:{district}"


def tasks_unplaced(district: str = "") -> str:
    """Those of which nobody knows where it is."""
    return f"{PREFIX}patrol:unplaced:{district}"


def plate(hashed: str, hour: int) -> str:
    """Where a plate was seen in an hour; ``hour`` counts from 1970 in UTC."""
    return f"{PREFIX}plate:{hashed}:{hour}"
