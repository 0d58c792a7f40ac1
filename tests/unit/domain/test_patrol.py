"""What becomes of a patrol's task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from flows.domain.errors import FieldError
from flows.domain.patrol import Task, TaskRefused, end, take, taken

AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def make_task(**changes: Any) -> Task:
    made = Task.of("object", "bag-1", "abandoned", district="esil", by="aigul", at=AT, camera="hall-1")
    return made.model_copy(update=changes)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("lead", "lead"),
        ("lead", "confirmed_once"),
        ("lead", "confirmed"),
        ("violation", "needs_review"),
        ("object", "closed"),
    ],
)
def test_nobody_is_sent_to_what_people_have_not_confirmed(kind: Any, state: str) -> None:
    with pytest.raises(TaskRefused, match=f"got one that is {state}; confirm it first"):
        Task.of(kind, "x", state, district="esil", by="aigul", at=AT)


def test_the_same_thing_is_the_same_task_however_often_it_is_sent() -> None:
    assert make_task().id == make_task(text="again").id


def test_a_task_goes_from_open_to_resolved_in_one_hand() -> None:
    task = take(make_task(), "accept", "bolat", 0)
    task = take(task, "arrive", "bolat", 1)
    task = take(task, "resolve", "bolat", 2, "an empty box")
    assert (task.state, task.holder, task.note, task.version) == ("resolved", "bolat", "an empty box", 3)


def test_what_is_handed_over_is_open_to_others() -> None:
    task = take(take(make_task(), "accept", "bolat", 0), "hand_over", "bolat", 1, "called away")
    assert (task.state, task.holder) == ("open", "")
    assert take(task, "accept", "dana", 2).holder == "dana"


def test_who_has_not_accepted_it_does_not_move_it_on() -> None:
    with pytest.raises(TaskRefused, match="bolat has accepted it"):
        take(take(make_task(), "accept", "bolat", 0), "arrive", "dana", 1)


def test_a_step_on_what_somebody_has_changed_meanwhile_is_refused() -> None:
    with pytest.raises(TaskRefused, match="somebody was faster"):
        take(take(make_task(), "accept", "bolat", 0), "accept", "dana", 0)


@pytest.mark.parametrize("step", ["resolve", "hand_over"])
def test_others_are_told_why(step: Any) -> None:
    with pytest.raises(FieldError, match="note"):
        take(take(make_task(), "accept", "bolat", 0), step, "bolat", 1, "  ")


def test_what_is_resolved_stays_so() -> None:
    with pytest.raises(TaskRefused, match="got one resolved"):
        take(make_task(state="resolved", holder="bolat"), "hand_over", "bolat", 0, "x")


@pytest.mark.parametrize("step", ["accept", "arrive", "hand_over"])
def test_nobody_goes_to_what_has_ended(step: Any) -> None:
    task = end(take(make_task(), "accept", "bolat", 0), "object_closed", AT)
    with pytest.raises(TaskRefused, match=r"ended by itself \(object_closed\): nobody goes"):
        take(task, step, "bolat", 2, "x")


def test_what_ended_while_somebody_wrote_down_what_they_found_takes_it_once() -> None:
    task = end(take(make_task(), "accept", "bolat", 0), "object_closed", AT)
    for version in (1, 2):
        done = take(task, "resolve", "bolat", version, "an empty box", AT)
        assert (done.state, done.ended, done.note, done.over_at) == (
            "resolved",
            "object_closed",
            "an empty box",
            AT,
        )
        assert taken(done, "resolve", "bolat", version, "an empty box")
    for by, version in (("bolat", 0), ("dana", 2)):
        with pytest.raises(TaskRefused):
            take(task, "resolve", by, version, "an empty box")
    with pytest.raises(TaskRefused, match="nobody goes"):
        take(end(make_task(), "object_closed", AT), "resolve", "bolat", 1, "an empty box")


def test_each_state_is_told_once() -> None:
    task = make_task()
    assert task.told(AT).id == task.told(AT).id != take(task, "accept", "bolat", 0).told(AT).id
