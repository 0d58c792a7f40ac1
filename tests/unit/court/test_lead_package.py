"""The package of a lead: from its own store, once two people have confirmed it, and nothing of anybody else in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
from packages import SEALED_AT, sealing
from searching import HOUR, T0, make_active, make_lead

from flows.court import container
from flows.court.contents import PackageManifest
from flows.court.export import ExportRefused, export
from flows.court.facts import Facts
from flows.court.lead import PROBE, gather_lead
from flows.court.protocol import _View, words
from flows.court.verify import verify
from flows.domain import leads as life
from flows.domain.cases import SearchCase
from flows.domain.errors import FieldError
from flows.domain.leads import Lead
from flows.pictures.jpeg import jpeg


@cache
def picture(grey: int) -> bytes:
    return jpeg(np.full((80, 60, 3), grey, np.uint8))


def confirmed(people: int = 2) -> Lead:
    lead = make_lead()
    for number, by in enumerate(("dana", "erlan")[:people], 2):
        lead = life.confirm(lead, by, T0 + number * HOUR)
    return lead


@dataclass
class Kept:
    """One lead and its case, as the stores hand them out."""

    lead: Lead = field(default_factory=confirmed)
    case: SearchCase = field(default_factory=make_active)
    photo: bytes = b""
    looked: list[str] = field(default_factory=list)

    def raw(self, lead_id: str) -> Lead:
        return self.lead

    def get(self, case_id: str) -> SearchCase:
        return self.case

    def embedder(self, lead_id: str) -> str:
        return "dlib@" + "ab" * 32

    def crop(self, reference: str, by: str) -> bytes:
        self.looked.append(f"{by} {reference}")
        if reference == self.lead.seen_crop:
            return picture(90)
        if not self.photo:
            raise FieldError("crop", "a picture that is kept", "p1")
        return self.photo


def made(kept: Kept) -> bytes:
    return export(gather_lead(kept.lead.id, kept, kept, "aigul", "0.1.0"), sealing())


def files(package: bytes) -> dict[str, bytes]:
    return dict(container.read(package).files)


def test_a_lead_that_two_people_have_confirmed_becomes_a_package_that_holds() -> None:
    kept = Kept(photo=picture(30))
    package = made(kept)
    report = verify(package, now=SEALED_AT)
    assert report.verdict == "good", report.faults
    assert report.event == kept.lead.id
    held = files(package)
    assert held["captured/hall-1/seen.jpg"] == picture(90)
    assert held[PROBE] == picture(30)
    assert "signed/hall-1/seen.jpg" in held
    assert kept.looked == [f"aigul leads/{kept.lead.id}", "aigul probes/case-1/p1"], (
        "who looks is written down"
    )


def test_it_says_on_what_grounds_how_alike_and_who_confirmed() -> None:
    facts = Facts.model_validate_json(files(made(Kept(photo=picture(30))))["facts.json"])
    said = facts.measurement
    assert (said["case"], said["law"], said["document"], said["authorised_by"]) == (
        "case-1", "KPK RK 232", "17-2026", "bolat",
    )  # fmt: skip
    assert (said["similarity"], said["threshold"], said["gallery"], said["false_alarms"]) == (
        0.62,
        0.55,
        3,
        12.0,
    )
    assert [(d.number, d.state, d.by) for d in facts.decisions] == [
        (1, "confirmed_once", "dana"),
        (2, "confirmed", "erlan"),
    ]
    assert facts.decisions[0].decided_at == T0 + 2 * HOUR
    assert (facts.state, facts.district, facts.at) == ("confirmed", "esil", T0 + HOUR)
    embedder, *_ = facts.versions
    assert (embedder.role, embedder.name, embedder.sha256) == ("embedder", "dlib", "ab" * 32)
    rows = dict(_View(facts, [], [], {}, {}, words("en"), "en").data()["event"])
    assert rows["Search case"] == "case-1"
    assert rows["Similarity"] == "0.62"
    assert "12 are expected" in rows["What it means"]
    assert "which were 3;" in rows["What it means"]


def test_nothing_is_in_it_but_the_two_pictures_and_what_was_said() -> None:
    held = files(made(Kept(photo=picture(30))))
    pictures = {name for name in held if name.endswith((".jpg", ".mp4"))}
    assert pictures == {"captured/hall-1/seen.jpg", "signed/hall-1/seen.jpg", PROBE}
    text = b"\n".join(data for name, data in held.items() if name.endswith((".json", ".jsonl", ".txt")))
    assert held["protocol-kk.pdf"].count(b"/Subtype/Image") == 2, "both are shown side by side"
    assert b"A. B." not in text, "whom the case is about is in the case"
    assert b"sealed-" not in text, "no token, and no template"


@pytest.mark.parametrize("people", [0, 1])
def test_no_other_lead_leaves_and_nobody_hears_who_has_answered(people: int) -> None:
    kept = Kept(lead=confirmed(people))
    with pytest.raises(ExportRefused, match=r"that two people have confirmed, got unconfirmed$"):
        made(kept)
    assert not kept.looked


def test_a_rejected_lead_does_not_leave() -> None:
    with pytest.raises(ExportRefused, match="got rejected"):
        made(Kept(lead=life.reject(confirmed(), "olzhas", T0 + 5 * HOUR)))


def test_a_dispatched_one_is_a_confirmed_one() -> None:
    assert verify(made(Kept(lead=life.dispatch(confirmed()))), now=SEALED_AT).verdict == "good"


def test_a_photo_that_went_with_its_case_is_said_to_be_missing() -> None:
    package = made(Kept())
    assert PROBE not in files(package)
    report = verify(package, now=SEALED_AT)
    assert report.verdict == "good", report.faults
    assert any("deleted with the end of its case" in warning for warning in report.warnings)


def test_a_photo_that_was_exchanged_is_noticed() -> None:
    held = files(made(Kept(photo=picture(30))))
    changed = container.write(held | {PROBE: picture(31)})
    assert [fault.file for fault in verify(changed, now=SEALED_AT).faults] == [PROBE]
    manifest = PackageManifest.model_validate(json.loads(held["manifest.json"]))
    assert [held.name for held in manifest.files if held.kind == "crop"] == [
        "captured/hall-1/seen.jpg",
        PROBE,
    ]
