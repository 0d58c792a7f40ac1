"""From detected to closed: who may, in which order, and that two people cannot both decide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from apiclient import AT, speeding
from violations import permits

from flows.casework.adjudication import Withdrawal
from flows.casework.auditing import verify
from flows.desks.docket import readjudicate
from flows.domain.events import Event
from flows.domain.plates import PlateRecord, plate_event
from flows.store import keys
from flows.store.audit import AuditStore
from flows.store.review import LEASE


def with_plate(violation: Event, text: str = "123ABC02") -> list[Event]:
    return [violation, plate_event(violation, PlateRecord(outcome="read", text=text, confident=True))]


async def step(
    api: Any, of: Event, name: str, version: int, role: str, status: int = 200, **more: Any
) -> Any:
    answer = await api.post(f"/violations/{of.id}/{name}", {"version": version} | more, role, sub=f"{role}-1")
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.slow
async def test_a_violation_goes_all_the_way(api: Any) -> None:
    violation = speeding(0)
    api.write(*with_plate(violation))
    way = [
        ("claim", "reviewer", "in_review"), ("confirm", "reviewer", "confirmed"), ("issue", "authoriser", "issued"),
        ("appeal", "operator", "appealed"), ("uphold", "authoriser", "upheld"), ("close", "operator", "closed"),
    ]  # fmt: skip
    for version, (name, role, state) in enumerate(way):
        seen = await step(api, violation, name, version, role)
        assert (seen["state"], seen["version"]) == (state, version + 1)
    assert [d["by"] for d in seen["decisions"]] == [f"{role}-1" for _, role, _ in way]
    assert seen["steps"] == []
    closed = await api.get("/violations?state=closed")
    assert [row["id"] for row in closed.json()["items"]] == [violation.id]
    assert (await api.get("/violations?state=stands")).json()["items"] == []


@pytest.mark.slow
async def test_the_record_states_no_reason_that_nobody_gave(api: Any) -> None:
    one, two = speeding(0), speeding(1)
    api.write(*with_plate(one), *with_plate(two))
    way = [("claim", "reviewer"), ("confirm", "reviewer"), ("issue", "authoriser"), ("cancel", "authoriser"),
           ("close", "operator")]  # fmt: skip
    for version, (name, role) in enumerate(way):
        seen = await step(api, one, name, version, role)
    assert [d["reason"] for d in seen["decisions"]] == ["claimed", "as_measured", "issued", "other", "other"]
    await step(api, two, "claim", 0, "reviewer")
    assert (await step(api, two, "reject", 1, "reviewer"))["decisions"][-1]["reason"] == "other"


@pytest.mark.parametrize(
    ("name", "role", "status"),
    [("confirm", "reviewer", 409), ("claim", "operator", 403), ("issue", "authoriser", 409), ("close", "operator", 409),
     ("issue", "reviewer", 403), ("dance", "reviewer", 422)],
)  # fmt: skip
async def test_steps_out_of_order_or_by_others_are_refused(
    api: Any, name: str, role: str, status: int
) -> None:
    violation = speeding(0)
    api.write(*with_plate(violation))
    await step(api, violation, name, 0, role, status)
    assert (await api.get(f"/violations/{violation.id}")).json()["version"] == 0


async def test_of_two_who_decide_at_once_one_decides(api: Any) -> None:
    violation = speeding(0)
    api.write(*with_plate(violation))
    claims = await asyncio.gather(
        *(api.post(f"/violations/{violation.id}/claim", {"version": 0}, sub=f"r{n}") for n in range(8))
    )
    assert sorted(answer.status_code for answer in claims) == [200] + [409] * 7
    assert len((await api.get(f"/violations/{violation.id}")).json()["decisions"]) == 1
    (won,) = [n for n, answer in enumerate(claims) if answer.status_code == 200]
    other = await api.post(f"/violations/{violation.id}/confirm", {"version": 1}, sub=f"r{(won + 1) % 8}")
    assert (other.status_code, f"r{won} is reviewing it" in other.json()["detail"]) == (409, True)


async def test_a_step_on_what_is_deleted_at_that_moment_is_answered_like_one_on_what_never_was(
    api: Any,
) -> None:
    violation = speeding(0)
    api.write(*with_plate(violation))
    results = api.app.state.services.results
    write = results.write

    def late(events: Any) -> Any:
        results.prune(now_s=(AT + timedelta(days=10_000)).timestamp())
        return write(events)

    results.write = late
    answer = await step(api, violation, "claim", 0, "reviewer", 404)
    unknown = await api.post("/violations/nobody-knows-it/claim", {"version": 0})
    assert answer == unknown.json()
    assert results.in_state("in_review") == []
    assert (await api.post("/review/next")).json() == {"item": None, "waiting": 0}


async def test_the_next_one_is_none_that_is_deleted_at_that_moment(api: Any) -> None:
    first, second = (speeding(n) for n in (0, 1))
    api.write(first, second)
    results = api.app.state.services.results
    write = results.write

    def late(events: Any) -> Any:
        if events:
            results.write = write
            results.prune(now_s=(AT + timedelta(days=10_000)).timestamp())
            write([second.model_copy(update={"id": "another"})])
        return write(events)

    results.write = late
    answer = (await api.post("/review/next")).json()
    assert answer["item"]["id"] == "another"


async def test_a_step_sent_twice_is_taken_once(api: Any) -> None:
    violation = speeding(0)
    api.write(*with_plate(violation))
    first = await step(api, violation, "claim", 0, "reviewer")
    assert await step(api, violation, "claim", 0, "reviewer") == first
    assert (await api.get(f"/violations/{violation.id}")).json()["version"] == 1


async def test_the_queue_gives_the_severest_then_the_oldest_to_one_reviewer_each(api: Any) -> None:
    mild, grave, old, theirs = (
        speeding(5, low_kmh=72),
        speeding(9, low_kmh=125),
        speeding(1, low_kmh=85),
        speeding(0, "almaly", low_kmh=140),
    )
    newer = speeding(3, low_kmh=86)
    api.write(mild, grave, newer, old, theirs)
    queue = (await api.get("/review/queue", "operator")).json()
    assert queue["waiting"] == 4
    expected = [grave.id, old.id, newer.id, mild.id]
    assert [row["id"] for row in queue["items"]] == expected
    given = await asyncio.gather(*(api.post("/review/next", sub=f"r{n}") for n in range(4)))
    assert sorted(answer.json()["item"]["id"] for answer in given) == sorted(expected)
    assert (await api.post("/review/next")).json() == {"item": None, "waiting": 0}


async def test_what_a_reviewer_left_behind_comes_back(api: Any) -> None:
    violation = speeding(0, state="needs_review")
    api.write(violation)
    services = api.app.state.services
    await api.post("/review/next", sub="gone")
    assert (await api.post("/review/next", sub="here")).json()["item"] is None
    real = services.now
    services.now = lambda: real() + LEASE + timedelta(seconds=5)
    assert (await api.post("/review/next", sub="here")).json()["item"] is None, (
        "a replica's clock may be ahead"
    )
    services.now = real
    _claimed_before(api, violation.id, LEASE + timedelta(seconds=5))
    item = (await api.post("/review/next", sub="here")).json()["item"]
    assert (item["id"], item["holder"]) == (violation.id, "here")
    assert [d["reason"] for d in item["decisions"]] == ["claimed", "lease_over", "claimed"]


def _claimed_before(api: Any, violation_id: str, time: timedelta) -> None:
    redis.Redis.from_url(api.config.redis_url).zincrby(
        keys.CLAIMS, -time / timedelta(milliseconds=1), violation_id
    )


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], int]]:
    """What a replica does again and again beside its answers, done here when a test calls it."""
    found: dict[str, Callable[[], int]] = {}

    async def repeat(name: str, work: Callable[[], int], every_s: float) -> None:
        found[name] = work

    monkeypatch.setattr("serve.api.services.repeat", repeat)
    return found


async def test_a_claim_that_is_over_ends_though_nobody_asks_for_the_next_one(
    repeated: dict[str, Callable[[], int]], api: Any
) -> None:
    violation = speeding(0)
    api.write(violation)
    await api.post("/review/next", sub="gone")
    assert repeated["claims"]() == 0
    _claimed_before(api, violation.id, LEASE + timedelta(seconds=5))
    assert repeated["claims"]() == 1
    assert (await api.get("/review/queue", "operator")).json()["waiting"] == 1
    assert (await api.get("/violations?state=in_review")).json()["items"] == []
    assert [row["id"] for row in (await api.get("/violations?state=stands")).json()["items"]] == [
        violation.id
    ]
    assert repeated["claims"]() == 0


async def test_who_holds_both_roles_does_not_issue_what_they_confirmed(api: Any) -> None:
    violation = speeding(0)
    api.write(*with_plate(violation))
    both = ("reviewer", "authoriser")
    for version, (name, sub, status) in enumerate(
        [("claim", "a", 200), ("confirm", "a", 200), ("issue", "a", 409), ("issue", "b", 200)]
    ):
        asked = {"version": min(version, 2)}
        answer = await api.post(f"/violations/{violation.id}/{name}", asked, *both, sub=sub)
        assert answer.status_code == status, answer.text


async def test_releasing_gives_it_back_as_it_was(api: Any) -> None:
    violation = speeding(0)
    api.write(violation)
    await step(api, violation, "claim", 0, "reviewer")
    seen = await step(api, violation, "release", 1, "reviewer")
    assert seen["state"] == "stands"
    assert (await api.get("/review/queue")).json()["waiting"] == 1


async def test_a_plate_that_nobody_read_must_be_read_by_the_reviewer(api: Any) -> None:
    violation = speeding(0)
    api.write(violation)
    await step(api, violation, "claim", 0, "reviewer")
    await step(api, violation, "confirm", 1, "reviewer", 409)
    await step(api, violation, "reject", 1, "reviewer", 422, plate="777AAA02")
    seen = await step(api, violation, "confirm", 1, "reviewer", plate="777 aaa 02")
    assert seen["plate"] == {
        "text": "777AAA02",
        "by": "person",
        "confident": True,
        "confidence": 1.0,
        "country": "",
    }
    found = (await api.get("/violations?plate=777AAA02")).json()["items"]
    assert [row["id"] for row in found] == [violation.id]
    assert (await step(api, violation, "issue", 2, "authoriser"))["decisions"][-1]["plate"] == "777AAA02"


async def test_an_exempt_plate_is_not_issued_even_if_the_list_came_after_the_confirmation(api: Any) -> None:
    violation = speeding(0, exemptions=["permits"], exemptions_max_age_h=24.0)
    api.write(*with_plate(violation))
    lists = api.app.state.services.exemptions
    await step(api, violation, "claim", 0, "reviewer")
    await step(api, violation, "confirm", 1, "reviewer", 409)  # no list was ever loaded
    lists.put(permits(0).model_copy(update={"issued_at": AT}))
    await step(api, violation, "confirm", 1, "reviewer")
    lists.put(permits(1, "123ABC02").model_copy(update={"issued_at": AT + timedelta(hours=1)}))
    refused = await step(api, violation, "issue", 2, "authoriser", 409)
    assert "exempt on permits" in refused["detail"]


async def test_a_mass_correction_takes_back_what_was_issued_and_is_seen_case_by_case(api: Any) -> None:
    survey = {"calibration": {"id": "survey-7"}}
    issued, rejected, fresh = (speeding(n, **survey) for n in range(3))
    for each in (issued, rejected, fresh):
        api.write(*with_plate(each))
    for version, (name, role) in enumerate(
        [("claim", "reviewer"), ("confirm", "reviewer"), ("issue", "authoriser")]
    ):
        await step(api, issued, name, version, role)
    await step(api, rejected, "claim", 0, "reviewer")
    await step(api, rejected, "reject", 1, "reviewer", reason="wrong_vehicle")
    results = api.app.state.services.results
    entries = results.entries([e.id for e in (issued, rejected, fresh)])
    wrong = Withdrawal(calibrations=("survey-7",))
    changes = readjudicate(entries, {}, "the pole was hit", wrong, AT + timedelta(days=1))
    assert [(c.case.state, c.state) for c in changes] == [
        ("issued", "cancelled"), ("rejected", "rejected"), ("stands", "dismissed")]  # fmt: skip
    results.write([c.event for c in changes if c.event is not None])
    seen = (await api.get(f"/violations/{issued.id}")).json()
    assert (seen["state"], seen["decisions"][-1]["readjudication"]) == ("cancelled", "the pole was hit")
    assert len((await api.get(f"/violations/{rejected.id}")).json()["decisions"]) == 2
    told = [f[b"action"] for _, f in results._client.xrange(keys.PROCEEDINGS)]
    assert told == [b"issue", b"withdraw"]
    why = {entry.subject: entry.why for entry in AuditStore(api.config.redis_url).entries()}
    assert why[issued.id] == why[fresh.id] == "the pole was hit"


async def test_a_plate_whose_reader_was_withdrawn_must_be_read_by_the_reviewer(api: Any) -> None:
    violation = speeding(0)
    record = PlateRecord(outcome="read", text="123ABC02", confident=True, versions={"finder": "ab" * 32})
    api.write(violation, plate_event(violation, record))
    results = api.app.state.services.results
    wrong = Withdrawal(models=("plates.finder@abab",))
    changes = readjudicate(
        results.entries([violation.id]), {}, "B was read as 8", wrong, AT + timedelta(days=1)
    )
    results.write([c.event for c in changes if c.event is not None])
    claimed = await step(api, violation, "claim", 1, "reviewer")
    assert (claimed["plate"]["text"], claimed["plate"]["confident"]) == ("123ABC02", False)
    assert "unread" in (await step(api, violation, "confirm", 2, "reviewer", 409))["detail"]
    seen = await step(api, violation, "confirm", 2, "reviewer", plate="128ABC02")
    assert (seen["state"], seen["plate"]["text"]) == ("confirmed", "128ABC02")
    await step(api, violation, "issue", 3, "authoriser")


async def test_every_step_stands_in_the_audit_log_and_its_chain_holds(api: Any) -> None:
    violation = speeding(0)
    api.write(*with_plate(violation))
    await step(api, violation, "claim", 0, "reviewer")
    await step(api, violation, "reject", 1, "reviewer", reason="not_visible", detail="snow")
    await step(api, violation, "claim", 2, "reviewer", 409)
    log = AuditStore(api.config.redis_url)
    entries = list(log.entries())
    assert [(e.who, e.action, e.subject, e.why, e.details["state"]) for e in entries] == [
        ("reviewer-1", "violation.decided", violation.id, "", "in_review"),
        ("reviewer-1", "violation.decided", violation.id, "snow", "rejected"),
    ]
    assert verify(log.rows(), log.head(), []) == []
