"""The search: only within its cases, only while they run, and nothing remains of anybody else."""

import gc
from datetime import timedelta

import numpy as np
import pytest
from people import BLUE, GREEN, RED, Clock, Eyes, Stores, head, photo, picture, table, vector
from portraits import jpeg
from searching import HOUR, T0, make_active, make_vehicle_case

from flows.domain.cases import LastSeen, PersonTarget, SearchTerms, close
from flows.domain.errors import StoreError, Unopened, WeightsError
from flows.domain.faces import MOST_BYTES, FaceAnswer, FaceRequest
from flows.domain.leads import Suppression
from flows.faces.cutting import decoded
from flows.faces.searcher import STALE, FaceSearcher
from flows.faces.thresholds import Thresholds
from flows.store.cases import Active


class Search:
    """A searcher with everything round it; ``case-1`` searches for somebody red at ``hall-1``."""

    def __init__(
        self, eyes: Eyes | None = None, thresholds: Thresholds | None = None, **changes: object
    ) -> None:
        self.eyes, self.clock = eyes or Eyes(), Clock()
        self.stores = Stores(make_active(**changes), photos={("case-1", "p1"): photo(RED)})
        self.searcher = FaceSearcher(self.eyes, self.stores, thresholds or table(), self.clock)
        self.searcher.refresh()
        self.eyes.seen = 0

    def change(self, *cases: object) -> None:
        self.stores.cases = list(cases)  # type: ignore[arg-type]
        self.stores.version += 1
        self.searcher.refresh()
        self.eyes.seen = 0


def test_who_is_searched_for_is_a_hit_with_what_it_means() -> None:
    (hit,) = Search().searcher.look(head(RED)).hits
    assert (hit.case, hit.probe, hit.track, hit.model) == ("case-1", "p1", 7, "colour@1")
    assert hit.likeness.similarity > 0.999
    assert hit.likeness.threshold == 0.99
    assert hit.likeness.gallery == 1
    assert hit.likeness.false_alarms <= 1  # of a million
    assert np.allclose(np.frombuffer(bytes.fromhex(hit.template), "<f4"), vector(picture(RED)), atol=0.01)
    assert decoded(bytes.fromhex(hit.crop)).shape == (100, 100, 3)


@pytest.mark.slow
def test_anybody_else_brings_nothing_and_nothing_is_kept() -> None:
    search = Search()
    answer = search.searcher.look(head(GREEN))
    assert answer == FaceAnswer(found=True, worth=answer.worth, hits=())
    wanted = vector(picture(GREEN))
    gc.collect()
    kept = [
        a
        for a in gc.get_objects()
        if isinstance(a, np.ndarray) and a.shape == (3,) and np.allclose(a, wanted, atol=0.02)
    ]
    assert [a for a in kept if a is not wanted] == []


@pytest.mark.parametrize(
    "request_",
    [
        head(camera="hall-2"),
        head(at=T0 - timedelta(seconds=1)),  # before the case was active
        head(at=T0 + 8 * 24 * HOUR),  # after its window
    ],
    ids=["another camera", "before", "after"],
)
def test_outside_of_the_case_nobody_is_even_looked_at(request_: FaceRequest) -> None:
    search = Search()
    assert search.searcher.look(request_) == FaceAnswer()
    assert search.eyes.seen == 0


def test_a_place_outside_the_circle_round_the_last_sighting_is_not_searched_yet() -> None:
    search = Search(last_seen=LastSeen(latitude=43.25, longitude=76.95, at=T0, radius_m=500))
    far = FaceRequest("hall-1", "esil", 7, T0, photo(RED), place=(43.30, 76.95))
    assert search.searcher.look(far).hits == ()
    assert search.eyes.seen == 0
    later = FaceRequest("hall-1", "esil", 7, T0 + 2 * HOUR, photo(RED), place=(43.30, 76.95))
    search.clock.on(2 * 3600)
    search.searcher.refresh()
    assert len(search.searcher.look(later).hits) == 1


def test_a_case_that_expires_while_the_face_is_looked_at_gives_nothing() -> None:
    search = Search()
    search.eyes.during = lambda: search.clock.on(8 * 24 * 3600)
    assert search.searcher.look(head(RED)).hits == ()
    assert search.eyes.seen == 1


def test_a_case_that_is_closed_while_the_face_is_looked_at_gives_nothing() -> None:
    search = Search()

    def closed() -> None:
        search.stores.cases = [close(search.stores.cases[0], "asel", T0, "found")]
        search.stores.version += 1
        search.eyes.during = lambda: None
        search.searcher.refresh()

    search.eyes.during = closed
    assert search.searcher.look(head(RED)).hits == ()


def test_a_clock_that_was_ahead_ends_no_search_once_it_is_right() -> None:
    search = Search()
    search.clock.on(8 * 24 * 3600)
    search.searcher.refresh()
    assert search.searcher.look(head(RED)).hits == ()
    assert search.eyes.seen == 0
    search.clock.at = T0
    search.searcher.refresh()
    assert len(search.searcher.scope()) == 1
    assert len(search.searcher.look(head(RED)).hits) == 1


def test_a_clock_that_goes_back_brings_no_case_to_life() -> None:
    """Whatever it says: the store knows how late it was."""
    search = Search()
    search.clock.at = search.stores.at = T0 + 8 * 24 * HOUR
    search.searcher.refresh()
    search.clock.at = T0
    search.searcher.refresh()
    assert search.searcher.look(head(RED)).hits == ()
    assert search.eyes.seen == 0


def test_a_gallery_that_a_clock_confirmed_while_it_was_ahead_is_none_once_it_is_right() -> None:
    search = Search()
    search.clock.on(3600)
    search.searcher.refresh()
    search.clock.on(-3600)
    search.stores.away = True
    assert search.searcher.scope() == ()
    assert search.searcher.look(head(RED)) == FaceAnswer()


def test_without_the_store_nobody_is_searched_for() -> None:
    search = Search()
    search.stores.away = True
    search.searcher.refresh()
    assert search.searcher.scope() == ()
    assert search.searcher.look(head(RED)) == FaceAnswer()
    search.stores.away = False
    search.searcher.refresh()
    assert len(search.searcher.look(head(RED)).hits) == 1


def test_a_gallery_that_nobody_confirms_for_seconds_is_emptied() -> None:
    search = Search()
    search.stores.away = True
    search.clock.on(STALE.total_seconds() + 0.1)
    assert search.searcher.scope() == ()
    assert search.searcher.look(head(RED)) == FaceAnswer()
    assert search.eyes.seen == 0
    search.stores.away = False
    assert search.searcher.look(head(RED)) == FaceAnswer(), (
        "what was emptied is built by a refresh, not by a look"
    )


def test_looks_that_keep_a_refresh_waiting_empty_no_gallery() -> None:
    search = Search()
    embedded, search.eyes.during = search.stores.asked, lambda: search.clock.on(0.4)
    for _ in range(20):
        assert search.searcher.scope()
        assert len(search.searcher.look(head(RED)).hits) == 1
    assert search.stores.asked == embedded, "no photo was opened again"


@pytest.mark.parametrize("end", ["stop switch", "closed"])
def test_looks_that_keep_a_refresh_waiting_hear_of_an_end_in_a_second(end: str) -> None:
    search = Search()
    (case,) = search.stores.cases
    search.stores.cases = [] if end == "stop switch" else [close(case, "asel", T0, "found")]
    search.stores.version += 1
    search.clock.on(1.1)
    assert search.searcher.look(head(RED)) == FaceAnswer()
    assert search.eyes.seen == 0
    assert search.searcher.scope() == ()


def test_a_stop_while_the_gallery_is_built_holds_as_soon_as_it_is_built() -> None:
    search = Search()
    search.stores.photos["case-2", "p1"] = photo(GREEN)

    def stopped() -> None:
        search.eyes.during = lambda: None
        search.stores.cases = []
        search.stores.version += 1

    search.eyes.during = stopped
    search.change(search.stores.cases[0], make_active(id="case-2"))
    assert search.searcher.scope() == ()
    assert search.searcher.look(head(RED)) == FaceAnswer()
    assert search.eyes.seen == 0


def test_a_gallery_holds_from_when_the_cases_were_asked_for_and_not_from_the_answer() -> None:
    search = Search()
    ask = search.stores.active

    def slowly() -> Active:
        active = ask()
        search.clock.on(STALE.total_seconds() + 0.1)
        return active

    search.stores.active = slowly  # type: ignore[method-assign]
    search.searcher.refresh()
    assert search.searcher.scope() == ()


def test_a_store_whose_clock_is_ahead_empties_no_gallery() -> None:
    search = Search()
    search.stores.at = T0 + 2 * STALE
    search.searcher.refresh()
    assert len(search.searcher.scope()) == 1


def test_a_camera_that_asks_while_a_large_gallery_is_built_takes_nobody_out_of_it() -> None:
    search = Search()
    case = make_active(target=PersonTarget(name="A. B.", probes=("p1", "p2", "p3")))
    search.stores.photos |= {("case-1", "p2"): photo(GREEN), ("case-1", "p3"): photo(BLUE)}
    told: list[object] = []

    def asked() -> None:
        search.clock.on(STALE.total_seconds() + 1)
        told.append(search.searcher.scope())

    search.eyes.during = asked
    search.change(case)
    search.eyes.during = lambda: None
    assert told == [(), ()]  # whether they run still was not known then
    found = [search.searcher.look(head(colour, at=search.clock.at)).hits for colour in (RED, GREEN, BLUE)]
    assert [[hit.probe for hit in hits] for hits in found] == [["p1"], ["p2"], ["p3"]]


def test_the_stop_switch_empties_the_gallery() -> None:
    search = Search()
    search.change()
    assert search.searcher.look(head(RED)) == FaceAnswer()
    assert search.eyes.seen == 0


def test_an_unchanged_gallery_is_not_built_again() -> None:
    search = Search()
    asked = search.stores.asked
    search.searcher.refresh()
    search.change(search.stores.cases[0], make_vehicle_case(id="case-2"))
    assert search.stores.asked == asked


def test_each_case_is_compared_with_its_own_probes_only() -> None:
    search = Search()
    other = make_active(
        id="case-2", target=PersonTarget(name="C. D.", probes=("p1", "p2")), cameras=("hall-2",)
    )
    search.stores.photos |= {("case-2", "p1"): photo(GREEN), ("case-2", "p2"): photo(BLUE)}
    search.change(search.stores.cases[0], other)
    assert search.searcher.look(head(GREEN)).hits == ()  # case-2 does not cover hall-1
    (hit,) = search.searcher.look(head(BLUE, camera="hall-2")).hits
    assert (hit.case, hit.probe, hit.likeness.gallery) == ("case-2", "p2", 2)


def test_among_many_cases_each_is_told_of_its_own_best_photo() -> None:
    search = Search()
    cases = [search.stores.cases[0]]
    for n in range(2, 12):
        target = PersonTarget(name="C. D.", probes=("p1", "p2", "p3"))
        cases.append(make_active(id=f"case-{n}", target=target))
        photos = (GREEN, RED, BLUE) if n % 2 else (GREEN, BLUE, (0, 0, 0))  # black: no face is found in it
        search.stores.photos |= {(f"case-{n}", f"p{i}"): photo(each) for i, each in enumerate(photos, 1)}
    search.change(*cases)
    hits = search.searcher.look(head(RED)).hits
    assert {hit.case: hit.probe for hit in hits} == {"case-1": "p1"} | {
        f"case-{n}": "p2" for n in range(3, 12, 2)
    }
    assert {hit.case: hit.likeness.gallery for hit in hits} == {
        hit.case: 1 if hit.case == "case-1" else 3 for hit in hits
    }


def test_nobody_is_looked_at_for_a_case_of_which_no_photo_shows_a_face() -> None:
    search = Search()
    search.stores.photos["case-1", "p1"] = photo((0, 0, 0))
    search.searcher.forget()
    search.change(make_active())
    assert search.searcher.scope() == ()
    assert search.searcher.look(head(RED)) == FaceAnswer()
    assert search.eyes.seen == 0


def test_a_stricter_budget_needs_more_likeness() -> None:
    loose, strict = (
        Search(terms=SearchTerms(longest_days=30, false_alarms_per_day=budget)) for budget in (1000.0, 0.0001)
    )
    assert loose.searcher.look(head(RED)).hits[0].likeness.threshold == 0.9
    assert strict.searcher.look(head(RED)).hits[0].likeness.threshold == 0.999


def test_thresholds_of_another_embedder_are_refused() -> None:
    others = Thresholds([1], np.array([0.9]), np.zeros((1, 1)), "colour@2")
    with pytest.raises(WeightsError, match="measured for colour@1, got those of colour@2"):
        Search(thresholds=others)


STRICT = SearchTerms(longest_days=30, false_alarms_per_day=1e-9)
"""Fewer false alarms than were ever measured."""


def test_a_case_whose_budget_was_never_measured_is_left_out_and_said_and_ends_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    search = Search()
    search.stores.photos["case-2", "p1"] = photo(RED)
    search.change(search.stores.cases[0], make_active(id="case-2", terms=STRICT))
    assert (
        "case case-2 is not searched as was asked (1 are not): false alarms: expected a budget" in caplog.text
    )
    assert [(case, why[:12]) for (_, case), why in search.stores.unsearched.items()] == [
        ("case-2", "false alarms")
    ]
    assert [case.id for case in search.searcher.scope()] == ["case-1"]
    assert [hit.case for hit in search.searcher.look(head(RED)).hits] == ["case-1"]


def test_a_store_that_is_full_ends_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(version: str, why: object) -> None:
        raise StoreError("command not allowed when used memory > 'maxmemory'")

    search = Search()
    monkeypatch.setattr(search.stores, "note_unsearched", full)
    search.change(search.stores.cases[0], make_active(id="case-2", terms=STRICT))
    assert [case.id for case in search.searcher.scope()] == ["case-1"]
    assert [hit.case for hit in search.searcher.look(head(RED)).hits] == ["case-1"]


def test_a_case_finds_beside_others_what_it_finds_alone() -> None:
    """5e-9 a face is a budget that one photo keeps, and two do not; a person 0.9995 alike is found by it."""
    alone = SearchTerms(longest_days=30, false_alarms_per_day=5e-5)
    search = Search(terms=alone)
    (hit,) = search.searcher.look(head(RED)).hits
    search.stores.photos |= {(f"case-{n}", "p1"): photo(GREEN) for n in range(2, 12)}
    search.change(*search.stores.cases, *(make_active(id=f"case-{n}") for n in range(2, 12)))
    (beside,) = search.searcher.look(head(RED)).hits
    assert (beside.case, beside.likeness) == ("case-1", hit.likeness)
    assert not search.stores.unsearched


def test_however_many_cases_there_are_none_takes_another_ones_place() -> None:
    search = Search(thresholds=Thresholds([1, 2], np.array([0.9]), np.zeros((2, 1)), "colour@1"))
    search.stores.photos |= {(f"case-{n}", "p1"): photo(RED) for n in range(2, 6)}
    search.change(*search.stores.cases, *(make_active(id=f"case-{n}") for n in range(2, 6)))
    assert len(search.searcher.look(head(RED)).hits) == 5
    assert not search.stores.unsearched


def test_a_case_with_more_photos_than_were_measured_is_left_out_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    search = Search(thresholds=Thresholds([1, 2], np.array([0.9]), np.zeros((2, 1)), "colour@1"))
    many = make_active(id="case-2", target=PersonTarget(name="C. D.", probes=("p1", "p2", "p3")))
    search.change(search.stores.cases[0], many)
    assert [case.id for case in search.searcher.scope()] == ["case-1"]
    assert [case for _, case in search.stores.unsearched] == ["case-2"]
    assert (
        "case case-2 is not searched as was asked (1 are not): gallery: expected at most 2 photos, got 3"
        in caplog.text
    )


def test_a_look_alike_that_was_rejected_is_not_brought_again() -> None:
    search = Search(thresholds=Thresholds([1, 100], np.array([0.9]), np.zeros((2, 1)), "colour@1"))
    alike = (40, 40, 220)
    (hit,) = search.searcher.look(head(alike)).hits
    search.stores.rejected = [
        Suppression(
            lead="x", case="case-1", probe="p1", template=hit.template, model="colour@1", until_at=T0 + HOUR
        )
    ]
    search.change(search.stores.cases[0])
    assert search.searcher.look(head(alike)).hits == ()
    assert len(search.searcher.look(head(RED)).hits) == 1
    search.clock.on(3700)
    search.change(search.stores.cases[0])
    assert len(search.searcher.look(head(alike, at=search.clock.at)).hits) == 1


def test_people_are_told_of_photos_without_a_face_and_the_others_are_searched_with() -> None:
    search = Search()
    search.stores.photos |= {("case-2", f"p{i}"): photo((0, 0, 0)) for i in (1, 2)}
    search.stores.photos["case-2", "p3"] = photo(GREEN)
    target = PersonTarget(name="C. D.", probes=("p1", "p2", "p3"))
    search.change(search.stores.cases[0], make_active(id="case-2", target=target, cameras=("hall-2",)))
    (((version, case), why),) = search.stores.unsearched.items()
    assert (version, case) == (str(search.stores.version), "case-2")
    assert why == "photo p1: colour@1 finds no face in it; photo p2: colour@1 finds no face in it"
    assert search.searcher.look(head(RED, camera="hall-2")).hits == ()
    assert len(search.searcher.look(head(GREEN, camera="hall-2")).hits) == 1
    assert len(search.searcher.look(head(RED)).hits) == 1
    search.stores.photos |= {("case-2", f"p{i}"): photo(GREEN) for i in (1, 2)}
    search.stores.unsearched.clear()
    search.change(*search.stores.cases)
    assert not search.stores.unsearched, "all is well again"


def test_what_no_key_opens_ends_no_other_search_and_is_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search()
    search.stores.rejected = [
        Suppression(lead="x", case="case-1", probe="p1", template="old", model="colour@1", until_at=T0 + HOUR)
    ]
    probe = search.stores.probe

    def unopened(*_: str) -> bytes:
        raise Unopened("none of the keys made it")

    monkeypatch.setattr(search.stores, "open", unopened)
    monkeypatch.setattr(search.stores, "probe", lambda *of: unopened() if of[0] == "case-2" else probe(*of))
    search.change(search.stores.cases[0], make_active(id="case-2"))
    assert list(search.stores.unsearched.values()) == ["photo p1: no key opens it"]
    assert "case case-1, lead x: no key opens" in caplog.text
    assert [hit.case for hit in search.searcher.look(head(RED)).hits] == ["case-1"]


def test_cameras_do_not_learn_who_is_searched_for_or_why() -> None:
    (case,) = Search().searcher.scope()
    said = case.model_dump_json()
    assert "A. B." not in said
    assert "KPK" not in said
    assert "17-2026" not in said
    assert case.cameras == ("hall-1",)


def test_a_picture_that_could_end_in_the_object_store_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="at most 80000 bytes of a person"):
        FaceRequest("hall-1", "esil", 1, T0, b"x" * (MOST_BYTES + 1))
    assert "jpeg" not in repr(head(RED))


def test_a_head_that_is_no_picture_raises() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        Search().searcher.look(FaceRequest("hall-1", "esil", 1, T0, b"no picture"))


def test_bystanders_in_the_picture_that_is_kept_are_blurred_before_it_is_sealed() -> None:
    search = Search()
    two = np.concatenate(
        [picture(RED, 100), np.random.default_rng(1).integers(0, 255, (100, 60, 3), np.uint8)], axis=1
    )
    search.eyes.others = [(115.0, 20.0, 145.0, 60.0)]
    (hit,) = search.searcher.look(FaceRequest("hall-1", "esil", 7, T0, jpeg(two))).hits
    kept = decoded(bytes.fromhex(hit.crop))
    assert kept.shape == two.shape
    assert kept[25:55, 120:140].std() < 0.4 * decoded(jpeg(two))[25:55, 120:140].std()
    assert np.allclose(kept[:, :90], two[:, :90], atol=12)
