"""Searches in a real Redis: one wins, what must go is gone from every byte, and nothing happens without an entry."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet
from searching import DAY, HOUR, T0, make_case, make_found, make_lead_event, make_vehicle_case

from flows.casework.auditing import Seals, figures, verify, whole
from flows.domain.cases import SearchCase, SearchTerms
from flows.domain.errors import CaseError, ChangedMeanwhile, FieldError
from flows.domain.events import Event
from flows.domain.leads import LEAD
from flows.domain.platehash import PlateHasher
from flows.domain.sightings import PLATE_SEEN, VehicleSeen, seen
from flows.store.audit import AuditStore
from flows.store.cases import CaseStore
from flows.store.leads import LeadStore
from flows.store.probes import ProbeStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.results import ResultsStore
from flows.store.sightings import SightingStore
from flows.store.vault import Vault

PHOTO, CROP, TEMPLATE = b"photo-of-the-searched", b"crop-of-a-stranger", b"template-of-a-stranger"
HASHER = PlateHasher.of("k2:" + "07" * 16 + ",k1:" + "08" * 16)
assert HASHER is not None


class SetClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = T0 + HOUR

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("searches") / "redis") as server:
        yield server


class House:
    """All stores of the searches over one Redis and one clock."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.clock = url, folder, SetClock()
        self.vault = Vault(Fernet.generate_key())
        self.cases = CaseStore(url, self.vault, self.clock)
        self.leads = LeadStore(url, self.vault, self.clock)
        self.probes = ProbeStore(url, self.vault, self.clock)
        self.sightings = SightingStore(url, HASHER, self.clock)
        self.audit = AuditStore(url)
        self.results = ResultsStore(url, clock=self.clock)
        self.redis = redis.Redis.from_url(url)

    def close(self) -> None:
        for each in (self.cases, self.leads, self.probes, self.sightings, self.audit):
            each.close_connections()
        self.results.close()
        self.redis.close()

    def draft(self, **changes: Any) -> SearchCase:
        return self.cases.create(make_case(**changes), {"p1": PHOTO})

    def active(self, **changes: Any) -> SearchCase:
        case = self.draft(**changes)
        self.cases.authorise(case.id, "bolat", "court order seen")
        return self.cases.activate(case.id, "asel")

    def lead(self, at: datetime | None = None, **changes: Any) -> Event:
        """A lead as it comes over the results path."""
        sealed = {"crop": self.vault.seal(CROP), "template": self.vault.seal(TEMPLATE)}
        event = make_lead_event(at or self.clock.at, **sealed | changes)
        self.results.write([event])
        return event

    def actions(self) -> list[str]:
        return [entry.action for entry in self.audit.entries()]

    def problems(self) -> list[str]:
        noted = self.audit.sealed()
        seals, unreadable = Seals(self.folder / "audit").all()
        return verify(*whole(self.audit), seals, noted, unreadable)

    def everything(self) -> bytes:
        """Every byte that Redis and the evidence store hold, sealed things opened."""
        held = [*_values(self.redis)]
        held += [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        return b"\n".join(held + [self._opened(word) for value in held for word in value.split(b'"')])

    def _opened(self, word: bytes) -> bytes:
        return self.vault.open(word.decode()) if word.startswith(b"gAAAA") else b""


def _values(client: redis.Redis) -> Iterator[bytes]:
    readers: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    for key in client.scan_iter():
        value = readers[client.type(key)](key)
        yield key
        yield from _flat(value)


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _flat(list(value.items()))
    elif value is not None:
        for each in value:
            yield from _flat(each)


@pytest.fixture
def house(server: EmbeddedRedis, tmp_path: Path) -> Iterator[House]:
    house = House(server.url, tmp_path)
    house.redis.flushall()
    yield house
    house.close()


# Cases


def test_a_case_goes_its_way_and_each_step_is_written_down(house: House) -> None:
    case = house.active()
    assert house.cases.get(case.id) == case
    assert [s.deed for s in case.steps] == ["created", "authorised", "activated"]
    assert house.probes.get(case.id, "p1") == PHOTO
    house.cases.close(case.id, "asel", "found")
    assert house.actions() == [
        "case.created",
        "case.authorised",
        "case.activated",
        "case.closed",
        "probe.deleted",
    ]
    assert house.problems() == []


def test_photos_are_kept_sealed_and_only_an_active_case_is_searched_with_them(house: House) -> None:
    """Who authorises sees them before."""
    case, shown = house.draft(), "probes/case-1/p1"
    assert PHOTO not in b"".join(_values(house.redis))
    with pytest.raises(CaseError, match="expected active, got draft"):
        house.probes.get(case.id, "p1")
    assert house.leads.crop(shown, "bolat") == PHOTO
    house.cases.authorise(case.id, "bolat")
    house.cases.activate(case.id, "asel")
    assert house.probes.get(case.id, "p1") == house.leads.crop(shown, "bolat") == PHOTO
    assert house.actions()[-1] == "probe.viewed"
    with pytest.raises(FieldError, match="photos: expected one for each"):
        house.cases.create(make_case(id="case-2"), {})
    with pytest.raises(FieldError, match="id that no case has"):
        house.draft()


def test_photos_of_a_case_that_is_over_are_shown_to_nobody_before_anybody_has_put_it_away(
    house: House,
) -> None:
    case = house.active(expires_at=T0 + 2 * HOUR)
    assert house.leads.crop("probes/case-1/p1", "bolat") == PHOTO
    house.clock.at = T0 + 2 * HOUR
    before = house.audit.head()
    with pytest.raises(FieldError, match="photos go with their case"):
        house.leads.crop("probes/case-1/p1", "bolat")
    with pytest.raises(CaseError, match="expected active, got active until"):
        house.probes.get(case.id, "p1")
    assert (house.audit.head(), house.cases.get(case.id).state) == (before, "active"), "nobody has swept"


def test_keys_are_rotated_under_a_running_case(house: House) -> None:
    case = house.active()
    old, new = Fernet.generate_key(), Fernet.generate_key()
    house.redis.hset("{dome}:case:case-1:probes", "p1", Vault(old).seal(PHOTO))
    assert ProbeStore(house.url, Vault(new, old)).reseal(case.id) == 1
    assert ProbeStore(house.url, Vault(new)).get(case.id, "p1") == PHOTO
    event = house.lead(crop=Vault(old).seal(CROP), template=Vault(old).seal(TEMPLATE))
    assert LeadStore(house.url, Vault(new, old), house.clock).reseal(case.id) == 2
    assert LeadStore(house.url, Vault(new), house.clock).crop(f"leads/{event.id}", "dana") == CROP


@pytest.mark.parametrize("round", range(5))
def test_of_two_at_the_same_moment_exactly_one_wins(house: House, round: int) -> None:
    case = house.draft()
    start, outcomes = threading.Barrier(2), {}

    def act(name: str, step: Callable[[], SearchCase]) -> None:
        start.wait()
        try:
            outcomes[name] = step().state
        except CaseError as error:
            outcomes[name] = str(error)

    own = {name: CaseStore(house.url, house.vault, clock=house.clock) for name in ("authorise", "reject")}
    steps: dict[str, Callable[[], SearchCase]] = {
        "authorise": lambda: own["authorise"].authorise(case.id, "bolat", seen=0),
        "reject": lambda: own["reject"].reject(case.id, "dana", "no grounds", seen=0),
    }
    threads = [threading.Thread(target=act, args=pair) for pair in steps.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = house.cases.get(case.id).state
    assert state in ("authorised", "rejected")
    loser = "authorise" if state == "rejected" else "reject"
    assert outcomes[{"authorise": "reject", "reject": "authorise"}[loser]] == state
    assert f"is {state} now" in outcomes[loser] or f"got {state}" in outcomes[loser]
    assert house.actions().count("case.authorised") + house.actions().count("case.rejected") == 1


def test_who_decides_on_what_has_changed_is_told(house: House) -> None:
    case = house.draft()
    house.cases.authorise(case.id, "bolat")
    with pytest.raises(ChangedMeanwhile, match=r"it was authorised by bolat at .* and is authorised now"):
        house.cases.reject(case.id, "dana", "no grounds", seen=case.version)
    assert house.cases.get(case.id).state == "authorised"


@pytest.mark.parametrize("end", ["rejected", "expired"])
def test_what_was_never_lawful_is_gone_from_every_byte(house: House, end: str) -> None:
    case = house.draft(urgent=True)
    house.cases.activate(case.id, "asel", "child alone at night")
    first, second = house.lead(), house.lead(track=8)
    house.leads.confirm(first.id, "dana")
    house.leads.confirm(first.id, "erlan")
    before = house.everything()
    for word in (PHOTO, CROP, b"A. B.", first.id.encode()):
        assert word in before
    if end == "rejected":
        house.cases.reject(case.id, "bolat", "no grounds")
    else:
        house.clock.at += timedelta(hours=24)
        house.cases.sweep()
    assert house.cases.get(case.id).state == end
    audit = b"\n".join(_flat(house.redis.xrange("{dome}:audit")))
    house.redis.delete("{dome}:audit")  # it names ids, and is checked apart
    after = house.everything()
    for word in (PHOTO, CROP, TEMPLATE, b"A. B.", first.id.encode(), second.id.encode(), b"gAAAA"):
        assert word not in after
    for word in (PHOTO, CROP, TEMPLATE, b"A. B.", b"0.62"):
        assert word not in audit
    assert audit.count(b"lead.deleted") == 2
    assert audit.count(b"probe.deleted") == 1


def test_an_urgent_case_that_nobody_authorised_ends_with_that_reason_in_the_log(house: House) -> None:
    house.cases.activate(house.draft(urgent=True).id, "asel", "child alone at night")
    house.clock.at += timedelta(hours=24)
    house.cases.sweep()
    (ended,) = [e for e in house.audit.entries() if e.action == "case.expired"]
    assert (ended.who, ended.why) == ("system", "urgent, and nobody authorised it in time")


def test_deleted_photos_are_gone_from_the_append_only_file_too(house: House, server: EmbeddedRedis) -> None:
    case = house.draft()
    token = house.redis.hget("{dome}:case:case-1:probes", "p1")
    assert isinstance(token, bytes)
    path = server.folder / "appendonly.aof"
    assert token in path.read_bytes()
    house.cases.reject(case.id, "bolat", "no grounds")
    _await_rewrite(house.redis)
    house.cases.sweep()  # it may have been busy with an earlier one
    _await_rewrite(house.redis)
    assert token not in path.read_bytes()


def _await_rewrite(client: redis.Redis) -> None:
    while (state := client.info("persistence"))["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
        threading.Event().wait(0.01)


def test_a_lawful_case_keeps_what_two_people_confirmed_for_its_time_and_no_longer(house: House) -> None:
    case = house.active(terms=SearchTerms(longest_days=30, kept_days=2))
    kept, dropped = house.lead(), house.lead(track=8)
    house.leads.confirm(kept.id, "dana")
    house.leads.confirm(kept.id, "erlan")
    house.cases.close(case.id, "asel", "found")
    assert [view.lead.id for view in house.leads.of_case(case.id, "dana")] == [kept.id]
    assert house.leads.crop(f"leads/{kept.id}", "dana") == CROP
    with pytest.raises(FieldError, match="the id of a lead that is kept"):
        house.leads.view(dropped.id, "dana")
    house.clock.at += 2 * DAY
    house.cases.sweep()
    assert house.leads.of_case(case.id, "dana") == []
    left = house.cases.get(case.id)
    assert (left.target.kind, left.basis.document) == ("forgotten", "17-2026")
    assert b"A. B." not in house.everything()


def test_a_case_that_ended_by_itself_is_not_active_even_before_anybody_sweeps(house: House) -> None:
    case = house.active(expires_at=T0 + 2 * HOUR)
    assert [c.id for c in house.cases.active().cases] == [case.id]
    house.clock.at = T0 + 2 * HOUR
    assert house.cases.active().cases == ()
    with pytest.raises(CaseError, match="before its end"):
        house.cases.authorise(case.id, "bolat")
    house.cases.sweep()
    assert house.cases.get(case.id).state == "expired"


def test_where_nobody_sweeps_redis_lets_go_by_itself_and_the_entries_follow(house: House) -> None:
    """Nobody runs for a day: biometric things expire by Redis's own clock, and are accounted for afterwards."""
    case = house.active()
    event = house.lead()
    probes, lead = "{dome}:case:case-1:probes", f"{{dome}}:lead:{event.id}"
    for key, end_at in ((probes, case.ends_at), (lead, house.leads.raw(event.id).deadline_at)):
        left = timedelta(milliseconds=house.redis.pttl(key))
        late = datetime.now(end_at.tzinfo) + left - end_at
        assert timedelta(0) < late < timedelta(hours=1)
    house.redis.delete(probes, lead)
    house.clock.at = case.expires_at
    house.cases.sweep()
    assert house.actions().count("lead.deleted") == 1
    assert house.actions().count("probe.deleted") == 1


@pytest.mark.parametrize("by", ["Dana", "system", ""])
def test_nobody_acts_under_another_spelling_or_as_the_system(house: House, by: str) -> None:
    """One person who writes their name in two ways would be two who confirm."""
    case, event = house.active(), house.lead()
    for step in (
        lambda: house.cases.authorise(case.id, by),
        lambda: house.cases.reject(case.id, by, "why"),
        lambda: house.cases.view(case.id, by),
        lambda: house.cases.stop_all(by, "why"),
        lambda: house.leads.confirm(event.id, by),
        lambda: house.leads.reject(event.id, by),
        lambda: house.leads.view(event.id, by),
        lambda: house.leads.of_case(case.id, by),
        lambda: house.leads.crop(f"leads/{event.id}", by),
        lambda: house.leads.crop(f"probes/{case.id}/p1", by),
        lambda: house.sightings.route(case.id, by),
    ):
        before = house.audit.head()
        with pytest.raises(FieldError, match="by: expected a login"):
            step()
        assert house.audit.head() == before


def test_an_index_that_has_lost_its_case_keeps_nobody_from_being_put_away(house: House) -> None:
    house.active(expires_at=T0 + 2 * HOUR)
    house.redis.zadd("{dome}:cases:open", {"case-0": 1})
    house.clock.at = T0 + 2 * HOUR
    house.cases.sweep()
    assert house.cases.get("case-1").state == "expired"


# What the face service asks every second


def test_who_polls_reads_cases_again_only_when_something_has_changed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = house.active()
    first = house.cases.active()
    asked: list[Any] = []
    read = house.cases._read
    monkeypatch.setattr(house.cases, "_read", lambda ids: asked.append(ids) or read(ids))
    assert house.cases.active() == first
    assert asked == []
    event = house.lead()
    house.leads.reject(event.id, "dana")
    assert house.cases.active().version != first.version
    assert asked == [[case.id]]
    house.clock.at = case.ends_at
    assert house.cases.active().version not in ("", first.version)


def test_the_stop_switch_ends_all_searching_until_another_person_resumes(house: House) -> None:
    house.active()
    before = house.cases.active()
    house.cases.stop_all("dana", "false leads everywhere")
    stopped = CaseStore(house.url, clock=house.clock).active()
    assert stopped.cases == ()
    assert "dana" in stopped.stopped
    assert stopped.version != before.version
    assert not house.results.write([make_lead_event(house.clock.at)]).written
    with pytest.raises(CaseError, match="stopped already: dana"):
        house.cases.stop_all("erlan", "me too")
    with pytest.raises(CaseError, match="expected another person to resume"):
        house.cases.resume("dana", "it was me")
    house.cases.resume("erlan", "threshold corrected")
    assert len(house.cases.active().cases) == 1
    with pytest.raises(CaseError, match="not stopped"):
        house.cases.resume("erlan", "again")


# Leads


def test_a_lead_comes_with_an_alert_and_is_in_no_stream_of_events(house: House) -> None:
    case = house.active(terms=SearchTerms(longest_days=30, first=True))
    event = house.lead()
    assert house.results.write([event]).written == 0
    [view] = house.leads.of_case(case.id, "dana")
    assert (view.lead.id, view.lead.state, view.lead.camera) == (event.id, "lead", "hall-1")
    [(_, alert)] = house.redis.xrange("{dome}:alerts")
    assert (alert[b"lead"], alert[b"case"], alert[b"first"]) == (event.id.encode(), b"case-1", b"1")
    assert house.results.events() == []
    assert house.results.counters() == []
    assert house.results.event(event.id) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"case": "case-9"}, "no such case"),
        ({"camera": "hall-2"}, "does not cover"),
        ({"at": T0 + 8 * DAY}, "does not cover"),
        ({"probe": "p9"}, "no photo of the case"),
    ],
)
def test_a_lead_from_outside_of_its_case_is_not_kept(house: House, changes: dict[str, Any], why: str) -> None:
    house.active()
    event = house.lead(**changes)
    assert not house.redis.exists(f"{{dome}}:lead:{event.id}")
    [refused] = [e for e in house.audit.entries() if e.action == "lead.refused"]
    assert why in refused.why
    assert CROP not in house.everything()


def test_a_lead_that_was_in_flight_when_its_case_ended_is_not_kept(house: House) -> None:
    case = house.active(expires_at=T0 + 2 * HOUR)
    house.clock.at = T0 + 2 * HOUR
    event = house.lead(at=T0 + 2 * HOUR - timedelta(seconds=1))
    assert not house.redis.exists(f"{{dome}}:lead:{event.id}")
    house.clock.at = T0 + HOUR
    assert house.cases.get(case.id).state == "active"


def test_malformed_leads_harm_nobody(house: House) -> None:
    house.active()
    bad = Event.of(LEAD, camera_id="hall-1", district="esil", at=T0, data={"case": "case-1"})
    good = make_lead_event(house.clock.at)
    assert house.results.write([bad, good]).fresh == (False, True)


def test_who_has_seen_a_picture_is_written_down(house: House) -> None:
    house.active()
    event = house.lead()
    assert house.leads.crop(house.leads.raw(event.id).seen_crop, "dana") == CROP
    assert house.leads.crop(house.leads.raw(event.id).probe_crop, "dana") == PHOTO
    viewed = [(e.who, e.action, e.subject) for e in house.audit.entries() if ".viewed" in e.action]
    assert viewed == [("dana", "lead.viewed", event.id), ("dana", "probe.viewed", "p1")]
    house.leads.reject(event.id, "dana")
    with pytest.raises(FieldError, match="it was deleted"):
        house.leads.crop(f"leads/{event.id}", "erlan")


def test_redis_restarts_between_the_two_confirmations(house: House, server: EmbeddedRedis) -> None:
    house.active()
    event = house.lead()
    house.leads.confirm(event.id, "dana")
    server.kill()
    server.start()
    assert house.leads.view(event.id, "erlan").lead.state == "lead"
    assert house.leads.confirm(event.id, "erlan").lead.state == "confirmed"
    assert house.problems() == []


def test_people_who_confirm_at_the_same_moment_all_count(house: House) -> None:
    house.active()
    event = house.lead()
    start = threading.Barrier(2)

    def act(by: str) -> None:
        own = LeadStore(house.url, clock=house.clock)
        start.wait()
        own.confirm(event.id, by)

    threads = [threading.Thread(target=act, args=(by,)) for by in ("dana", "erlan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert house.leads.raw(event.id).state == "confirmed"


def test_an_unanswered_lead_is_deleted_after_its_hours_and_does_not_come_back(house: House) -> None:
    case = house.active()
    event, made_at = house.lead(), house.clock.at
    house.leads.confirm(event.id, "dana")
    house.clock.at = made_at + 72 * HOUR - timedelta(seconds=1)
    assert house.cases.sweep() == 0
    house.clock.at = made_at + 72 * HOUR
    assert house.cases.sweep() == 1
    assert house.leads.of_case(case.id, "dana") == []
    assert house.redis.xlen("{dome}:alerts") == 0
    assert house.results.write([event]).written == 0
    assert CROP not in house.everything()


def test_not_this_person_suppresses_without_keeping_a_stranger_longer_than_the_lead(house: House) -> None:
    case = house.active()
    event, made_at = house.lead(), house.clock.at
    assert house.leads.suppressions(case.id) == []
    house.leads.reject(event.id, "dana")
    assert CROP not in house.everything()
    [held] = house.leads.suppressions(case.id)
    assert house.vault.open(held.template) == TEMPLATE
    assert held.until_at == made_at + 72 * HOUR
    house.clock.at = made_at + 72 * HOUR
    assert house.leads.suppressions(case.id) == []
    house.cases.sweep()
    assert TEMPLATE not in house.everything()


@pytest.mark.parametrize("reason", ["bad_picture", "other"])
def test_other_rejections_keep_nothing_of_the_face(house: House, reason: Any) -> None:
    case = house.active()
    event = house.lead()
    house.leads.reject(event.id, "dana", reason)
    assert house.leads.suppressions(case.id) == []
    assert not {CROP, TEMPLATE} & {word for word in (CROP, TEMPLATE) if word in house.everything()}


def test_a_confirmed_lead_keeps_its_template_no_longer_than_its_hours(house: House) -> None:
    house.active()
    event, made_at = house.lead(), house.clock.at
    for by in ("dana", "erlan"):
        house.leads.confirm(event.id, by)
    assert house.leads.dispatch(event.id, "dana").lead.state == "dispatched"
    house.clock.at = made_at + 72 * HOUR
    house.cases.sweep()
    assert TEMPLATE not in house.everything()
    assert house.leads.view(event.id, "dana").lead.state == "dispatched"
    assert house.leads.crop(f"leads/{event.id}", "dana") == CROP


def test_a_confirmed_lead_can_still_be_rejected_even_after_its_hours(house: House) -> None:
    house.active()
    event = house.lead()
    for by in ("dana", "erlan"):
        house.leads.confirm(event.id, by)
    house.clock.at += 80 * HOUR
    assert house.leads.reject(event.id, "dana").lead.state == "rejected"
    assert CROP not in house.everything()


# The clock


def test_a_clock_that_goes_back_lengthens_no_search(house: House) -> None:
    case = house.active(expires_at=T0 + 2 * HOUR)
    house.clock.at = T0 + 3 * HOUR
    house.cases.sweep()
    house.clock.at = T0 + HOUR
    assert house.cases.active().cases == ()
    assert house.cases.get(case.id).state == "expired"
    with pytest.raises(CaseError, match="the clock has gone back"):
        house.draft(id="case-2")
    house.cases.stop_all("dana", "stopping is always possible")
    assert house.problems() == []


def test_a_clock_that_had_been_ahead_is_set_right_by_a_person_and_on_record(house: House) -> None:
    house.draft()
    house.clock.at = T0 + 2 * DAY
    house.cases.sweep()
    house.clock.at = T0 + HOUR
    house.cases.set_clock("dana", "the server's clock was two days ahead")
    house.draft(id="case-2")
    assert "clock.set" in house.actions()
    assert house.problems() == []


# Vehicles


def see(camera: str, at: datetime, plate: str = "123 ABC 02", key: int = 0, **changes: Any) -> Event:
    assert HASHER is not None
    view = {"name": "view-1", "at": at, "xyxy": (100.0, 100.0, 300.0, 220.0)}
    values = {"camera": camera, "district": "esil", "at": at, "cls": "car", "keep_days": 7.0, "latitude": 43.25,
              "longitude": 76.9, "moments": [view]}  # fmt: skip
    return seen(VehicleSeen.model_validate(values | changes).event(), HASHER.hashes(plate)[key])


@pytest.fixture
def now(house: House) -> datetime:
    """Sightings expire by Redis's own clock, so these tests play in the present."""
    house.clock.at = datetime.now(T0.tzinfo)
    return house.clock.at


def vehicle_case(house: House, now: datetime, **changes: Any) -> SearchCase:
    values = {
        "window": {"begins_at": now - 10 * DAY, "ends_at": now + 5 * DAY},
        "expires_at": now + 5 * DAY,
        "steps": ({"deed": "created", "by": "asel", "at": now},),
        "cameras": ("gate-1", "gate-2"),
    }
    case = house.cases.create(make_vehicle_case("123авс02", **values | changes), {})
    house.cases.authorise(case.id, "bolat")
    return house.cases.activate(case.id, "asel")


def test_a_vehicle_case_sees_the_route_of_its_one_plate_in_its_scope(house: House, now: datetime) -> None:
    case = vehicle_case(house, now, terms=SearchTerms(longest_days=30, look_back=True))
    house.results.write(
        [
            see("gate-2", now - HOUR),
            see("gate-1", now - 2 * HOUR, key=1),  # hashed by the older key
            see("gate-9", now - HOUR),
            see("gate-1", now - HOUR, plate="777 XYZ 05"),
        ]
    )
    route = house.sightings.route(case.id, "dana")
    assert [s.camera for s in route] == ["gate-1", "gate-2"]
    assert house.actions()[-1] == "route.exported"
    assert b"123ABC02" not in b"".join(house.redis.keys())


def test_without_a_basis_to_look_back_the_route_begins_when_the_case_is_active(
    house: House, now: datetime
) -> None:
    case = vehicle_case(house, now)
    house.results.write([see("gate-1", now - HOUR), see("gate-2", now + timedelta(minutes=1))])
    house.clock.at = now + HOUR
    assert [s.camera for s in house.sightings.route(case.id, "dana")] == ["gate-2"]


def test_a_route_outlives_the_hashes_and_not_its_case(house: House, now: datetime) -> None:
    case = vehicle_case(house, now)
    house.results.write([see("gate-1", now + timedelta(minutes=1))])
    house.clock.at = now + HOUR
    assert house.sightings.sweep() == 1
    assert house.sightings.sweep() == 0
    for key in house.redis.keys("{dome}:plate:*"):
        house.redis.delete(key)
    assert len(house.sightings.route(case.id, "dana")) == 1
    house.cases.reject(case.id, "bolat", "order withdrawn")
    assert not house.redis.exists("{dome}:case:case-1:route")
    (gone,) = [e for e in house.audit.entries() if e.action == "route.deleted"]
    assert (gone.who, gone.case, gone.why) == ("bolat", case.id, "the case is rejected")
    assert figures(house.audit.entries(), f"{house.clock.at:%Y-%m}").deletions == {"route": 1}
    with pytest.raises(CaseError, match="forgotten"):
        house.sightings.route(case.id, "dana")


def test_sightings_expire_by_themselves_within_the_days_of_the_law(house: House, now: datetime) -> None:
    house.results.write([see("gate-1", now, keep_days=2.0), see("gate-1", now - 3 * DAY, keep_days=2.0)])
    [key] = house.redis.keys("{dome}:plate:*")
    assert timedelta(hours=46) < timedelta(milliseconds=house.redis.pttl(key)) <= timedelta(hours=48)
    assert house.results.events() == []


def test_a_sighting_with_text_in_place_of_a_hash_is_not_kept(house: House, now: datetime) -> None:
    data = see("gate-1", now).data | {"plate": "123ABC02"}
    bad = Event.of(PLATE_SEEN, camera_id="gate-1", district="esil", at=now, data=data)
    assert house.results.write([bad, see("gate-2", now)]).fresh == (False, True)
    assert b"123ABC02" not in house.everything()


@pytest.mark.parametrize("state", ["draft", "authorised"])
def test_no_route_before_the_case_is_active(house: House, now: datetime, state: str) -> None:
    case = house.cases.create(make_vehicle_case(expires_at=T0 + DAY), {})
    if state == "authorised":
        house.clock.at = T0 + HOUR
        house.redis.delete("{dome}:clock")
        house.cases.authorise(case.id, "bolat")
    with pytest.raises(CaseError, match=f"once the case is active, got {state}"):
        house.sightings.route(case.id, "dana")


# The audit log


def test_the_month_is_told_in_figures(house: House) -> None:
    case = house.active(urgent=True, districts=("esil",))
    events = [house.lead(track=n) for n in range(3)]
    for by in ("dana", "erlan"):
        house.leads.confirm(events[0].id, by)
    house.leads.reject(events[1].id, "dana")
    house.cases.close(case.id, "asel", "found")
    told = figures(house.audit.entries(), "2090-05")
    assert (told.cases, told.urgent, told.leads) == ({"missing_person": 1}, 1, 3)
    assert (told.confirmed, told.rejected, told.false_positive_rate) == (1, 1, 0.5)
    assert told.deletions == {"lead": 2, "probe": 1}
    assert told.ended == {"closed": 1}
    assert figures(house.audit.entries(), "2090-06").leads == 0


def test_seals_are_written_each_hour_and_hold(house: House) -> None:
    seals = Seals(house.folder / "audit")
    house.active()
    assert seals.write_if_due(house.audit, house.clock.at) is not None
    house.lead()
    assert seals.write_if_due(house.audit, house.clock.at + HOUR / 2) is None
    second = seals.write_if_due(house.audit, house.clock.at + HOUR)
    assert second is not None
    assert (second.number, second.first, second.last) == (2, 4, 4)
    assert seals.write_if_due(house.audit, house.clock.at + 2 * HOUR) is None
    assert house.problems() == []


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda r: _change(r, 2), "entry 2: it was changed"),
        (lambda r: r.xdel("{dome}:audit", "2-1"), "entry 2: missing"),
        (lambda r: r.xdel("{dome}:audit", "4-1"), "the end: expected entry 4"),
        (lambda r: _swap(r, 2, 3), "entry 2: it "),
        (lambda r: _forge(r), "seal 1: entries 1 to 4 are not those that were sealed"),
        (lambda r: _truncate(r), "seal 1: 2 of the 4 entries that it covers are gone"),
    ],
)
def test_whatever_is_done_to_the_log_is_found(
    house: House, harm: Callable[[redis.Redis], object], found: str
) -> None:
    house.active()
    house.lead()
    Seals(house.folder / "audit").write(house.audit, house.clock.at)
    assert house.problems() == []
    harm(house.redis)
    assert any(problem.startswith(found) for problem in house.problems())


def _rows(client: redis.Redis) -> list[tuple[bytes, dict[bytes, bytes]]]:
    rows: Any = client.xrange("{dome}:audit")
    return rows


def _write(client: redis.Redis, rows: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
    client.delete("{dome}:audit")
    for place, fields in rows:
        client.xadd("{dome}:audit", fields, id=place)  # type: ignore[arg-type]


def _change(client: redis.Redis, seq: int) -> None:
    rows = _rows(client)
    rows[seq - 1][1][b"body"] = rows[seq - 1][1][b"body"].replace(b"bolat", b"asel")
    _write(client, rows)


def _swap(client: redis.Redis, a: int, b: int) -> None:
    rows = _rows(client)
    fields = rows[a - 1][1]
    rows[a - 1], rows[b - 1] = (rows[a - 1][0], rows[b - 1][1]), (rows[b - 1][0], fields)
    _write(client, rows)


def _forge(client: redis.Redis) -> None:
    """Somebody who knows how the chain is made makes all of it anew."""
    from flows.domain.audit import GENESIS, entry_hash

    prev, rows = GENESIS, _rows(client)
    for seq, (_, fields) in enumerate(rows, 1):
        fields[b"body"] = fields[b"body"].replace(b"bolat", b"dana")
        fields[b"prev"] = prev.encode()
        prev = entry_hash(prev, seq, int(fields[b"at"]), fields[b"body"].decode())
        fields[b"hash"] = prev.encode()
    _write(client, rows)
    client.hset("{dome}:audit:head", "hash", prev)


def _truncate(client: redis.Redis) -> None:
    """Somebody cuts the end off and sets the head to what is left."""
    rows = _rows(client)[:2]
    _write(client, rows)
    client.hset("{dome}:audit:head", mapping={"seq": 2, "hash": rows[-1][1][b"hash"]})


def test_a_missing_or_changed_seal_is_found(house: House) -> None:
    seals = Seals(house.folder / "audit")
    house.draft()
    seals.write(house.audit, house.clock.at)
    house.cases.authorise("case-1", "bolat")
    seals.write(house.audit, house.clock.at)
    (seals.folder / "seal-000001.json").unlink()
    assert any("seal 1: missing" in problem for problem in house.problems())
    (seals.folder / "seal-000002.json").unlink()
    assert house.problems() == ["seal 2: missing; it was the newest, over the entries up to 2"]


def test_the_end_of_the_log_is_read_at_one_moment(house: House) -> None:
    house.active()
    rows, head = house.audit.end(1)
    assert [row.seq for row in rows] == [2, 3]
    assert (head.seq, head.hash) == (3, rows[-1].fields["hash"])
    assert house.audit.end(3)[0] == []


def test_the_found_lead_keeps_its_likeness(house: House) -> None:
    house.active()
    event = house.lead()
    assert house.leads.raw(event.id).likeness == make_found().likeness
