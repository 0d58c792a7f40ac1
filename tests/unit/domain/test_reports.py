from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from citizens import AT, report
from pydantic import ValidationError

from flows.domain.reports import (
    Attachment,
    Report,
    Reporter,
    ReportRefused,
    folder_of,
    merged,
    routed,
    shown_text,
    step,
    tracking_id,
    with_file,
    without,
)


def test_a_report_goes_through_its_states_and_each_step_is_kept() -> None:
    made = report()
    for state in ("checked", "forwarded", "proposed", "confirmed", "closed"):
        made = step(made, state, "aigul", AT, f"to {state}")  # type: ignore[arg-type]
    assert [s.state for s in made.steps] == ["checked", "forwarded", "proposed", "confirmed", "closed"]
    assert (made.version, made.open) == (5, False)
    with pytest.raises(ReportRefused, match="expected nothing more"):
        step(made, "checked", "aigul", AT)


def test_a_step_that_its_state_does_not_allow_is_refused() -> None:
    with pytest.raises(
        ReportRefused, match="is received: expected checked or declined or merged, got confirmed"
    ):
        step(report(), "confirmed", "aigul", AT)


def test_merged_reports_keep_all_reporters_and_files() -> None:
    photo = Attachment(sha256="a" * 64, size=1, media_type="image/jpeg")
    other_photo = photo.model_copy(update={"sha256": "b" * 64})
    one = report("1", files=(photo,))
    two = report("2", channel="bank", files=(photo, other_photo), text="I saw it too")
    main, ended = merged(one, two, "machine", AT)
    assert [r.channel for r in main.reporters] == ["egov", "bank"]
    assert main.reporters[1].text == "I saw it too"
    assert [f.sha256[0] for f in main.files] == ["a", "b"]
    assert (ended.state, ended.merged_into) == ("merged", one.id)
    assert (main.version, ended.version) == (1, 1)
    with pytest.raises(ReportRefused):
        merged(main, ended, "machine", AT)
    with pytest.raises(ReportRefused):
        merged(one, one, "machine", AT)


def test_the_same_reference_of_a_channel_is_the_same_report() -> None:
    assert report("17").id == tracking_id("egov", "17") == report("17", text="other words").id
    assert report("17").id != report("17", channel="bank").id


@pytest.mark.parametrize(
    "changes",
    [{"service": "hunger"}, {"latitude": 91.0}, {"longitude": float("nan")}, {"text": "x" * 4001},
     {"happened_at": datetime(2026, 11, 2, 8, 0)}],  # noqa: DTZ001
)  # fmt: skip
def test_what_is_no_report_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        report(**changes)


def test_when_it_changed_last() -> None:
    later = step(report(), "checked", "machine", AT + timedelta(hours=1))
    assert later.changed_at == AT + timedelta(hours=1)
    assert report().changed_at == AT
    assert Report.model_validate_json(later.model_dump_json()) == later
    assert Reporter(channel="egov", reference="1", at=datetime(2026, 1, 1, tzinfo=UTC)).text == ""


def test_a_report_is_given_to_another_district_while_it_is_open() -> None:
    given = routed(report(), "almaly", "aigul", AT, "the far side of the river")
    assert (given.district, given.version, given.steps[-1].note) == (
        "almaly",
        1,
        "to almaly: the far side of the river",
    )
    for wrong in (given, step(report(), "declined", "aigul", AT)):
        with pytest.raises(ReportRefused, match="another district"):
            routed(wrong, "almaly", "aigul", AT)


def test_one_who_is_forgotten_takes_their_words_and_files_along() -> None:
    one, two = report("1", text="first"), report("2", channel="bank", text="second")
    photo = Attachment(sha256="a" * 64, size=1, media_type="image/jpeg", folder=f"reports/{one.id}")
    other = photo.model_copy(update={"sha256": "b" * 64, "folder": f"reports/{two.id}"})
    main, _ = merged(
        one.model_copy(update={"files": (photo,)}), two.model_copy(update={"files": (other,)}), "m", AT
    )
    left = without(main, one.id)
    assert left is not None
    assert (left.text, [f.sha256[0] for f in left.files], len(left.reporters)) == ("second", ["b"], 1)
    assert without(left, two.id) is None


@pytest.mark.parametrize("chosen_by", ["", "aigul"])
def test_a_file_that_several_sent_stays_with_whoever_is_not_forgotten(chosen_by: str) -> None:
    """As it was made for them; if a person has said what it is about, that holds, and it is made anew."""
    told = [report(str(n), channel=channel) for n, channel in enumerate(("egov", "bank", "taxi"))]
    photo = Attachment(sha256="a" * 64, size=1, media_type="image/jpeg", state="seen", shown=("a.jpg",))
    first, *others = (
        each.model_copy(update={"files": (photo.model_copy(update={"folder": folder_of(each.id)}),)})
        for each in told
    )
    main = first
    for other in others:
        main, _ = merged(main, other, "machine", AT)
    assert len(main.files) == 1
    if chosen_by:
        main = with_file(main, photo.model_copy(update={
            "folder": folder_of(first.id), "also": main.files[0].also, "chosen_by": chosen_by, "choices": 1,
            "shown": ()}))  # fmt: skip
    for gone in (told[2], told[0]):
        left = without(main, gone.id)
        assert left is not None
        main = left
    (file,) = main.files
    assert (file.folder, file.also) == (folder_of(told[1].id), ())
    assert (file.state, file.shown) == (("chosen", ()) if chosen_by else ("seen", ("a.jpg",)))
    assert without(main, told[1].id) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [("87011234567 Aigul", "[...] Aigul"), ("IIN 900101300123.", "IIN [...]."), ("bus 12, 123ABC02, 60 km/h", None),
     ("a.b+c@mail.example.kz!", "[...]!")],
)  # fmt: skip
def test_words_are_shown_without_what_says_who_wrote_them(text: str, shown: str | None) -> None:
    assert shown_text(text).startswith((shown or text).split("!")[0])
