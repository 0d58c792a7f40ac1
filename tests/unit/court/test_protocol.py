from __future__ import annotations

import re
import zlib
from dataclasses import replace
from typing import Any

import pytest
from packages import PROFILE, decision, material, package, sealing, violation

from flows.court import container
from flows.court.contents import LANGUAGES
from flows.court.export import export
from flows.court.facts import Facts
from flows.court.protocol import _View, readme, words


def flat(table: dict[str, Any], path: str = "") -> set[str]:
    found = set()
    for key, value in table.items():
        found |= flat(value, f"{path}{key}.") if isinstance(value, dict) else {path + key}
    return found


def view(made: bytes, language: str) -> dict[str, Any]:
    facts = Facts.model_validate_json(container.read(made).files["facts.json"])
    return _View(facts, [], [], {}, {}, words(language), language).data()


def test_every_language_has_the_same_words() -> None:
    assert len({frozenset(flat(words(language))) for language in LANGUAGES}) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_protocol_is_a_pdf_for_archives_in_its_language_with_every_letter(language: str) -> None:
    pdf = container.read(package()).files[f"protocol-{language}.pdf"]
    assert pdf.startswith(b"%PDF-1.7")
    assert b"pdfaid" in pdf
    text = b"".join(zlib.decompress(s) for s in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
                    if s[:1] == b"\x78")  # fmt: skip
    letters = {chr(int(m, 16)) for m in re.findall(rb"<[0-9a-fA-F]{4}> <([0-9A-Fa-f]{4})>", text)}
    wanted = {"kk": "әіңғүұқөһ", "ru": "ыэюя", "en": "abc"}[language]
    assert not letters or set(wanted) - {"һ"} <= letters


def test_numbers_times_and_the_sentence_that_decides_are_in_words() -> None:
    english, russian, kazakh = (view(package(), language) for language in ("en", "ru", "kk"))
    assert (
        english["verdict"]
        == "The lower end of the interval, 80.5 km/h, lies above limit and tolerance together, 70 km/h."
    )
    assert "80,5 км/ч" in russian["verdict"]
    assert kazakh["measured"][0][1] == "82 км/сағ"
    rows = dict(english["event"])
    assert rows["Local time"] == "2026-05-04 13:00:02.400 (Asia/Almaty)"
    assert rows["Universal time (UTC)"] == "2026-05-04 08:00:02.400"
    assert rows["Article"] == "Code 7 (to be confirmed by counsel)"
    assert rows["Coordinates"] == "43.240000, 76.910000"
    assert english["warnings"][0].startswith("The article")
    assert english["decisions"][0][1:4] == ["confirmed", "as measured", "aigul"]


@pytest.mark.slow
def test_an_article_that_counsel_has_confirmed_is_no_draft() -> None:
    confirmed = replace(material(), profile=PROFILE.model_copy(update={"confirmed": True}))
    shown = view(export(confirmed, sealing()), "en")
    assert dict(shown["event"])["Article"] == "Code 7"
    assert shown["warnings"] == []


@pytest.mark.slow
def test_what_people_write_is_text_and_never_markup() -> None:
    evil = decision(violation(), detail='#panic("x") *bold* $x$ <img> @ref // /* `', by="#sys.version")
    made = export(replace(material(), record=(violation(), evil)), sealing())
    assert container.read(made).files["protocol-en.pdf"].startswith(b"%PDF")
    assert "#panic" in view(made, "en")["decisions"][0][2]


def test_an_event_of_a_kind_that_nobody_translated_is_shown_as_it_is() -> None:
    shown = view(package(), "kk")
    assert shown["heading"] == "Жылдамдықты асыру"
    said = _View(
        Facts.model_validate_json(container.read(package()).files["facts.json"]).model_copy(
            update={"rule": "new_rule"}
        ),
        [], [], {}, {}, words("kk"), "kk",
    )  # fmt: skip
    assert said.data()["heading"] == "new rule"


def test_the_readme_tells_how_to_verify_in_three_languages() -> None:
    text = readme("some-id").decode()
    assert text.count("dome evidence verify") == 3
    assert "some-id" in text
