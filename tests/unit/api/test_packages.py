from __future__ import annotations

from typing import Any

import access
import numpy as np
import pytest
from packages import decision, store_package, violation

from flows.court.verify import verify
from flows.evidence.package import sha256
from flows.pictures.jpeg import jpeg
from flows.store import keys
from flows.store.evidence import EvidenceStore


@pytest.mark.slow
async def test_a_case_is_handed_out_as_a_zip_that_verifies(api: Any) -> None:
    event = violation()
    store: EvidenceStore = api.app.state.services.evidence
    told = store_package(store, event)
    api.write(event, *told, decision(event))
    answer = await api.get(f"/violations/{event.id}/package", "auditor", districts=["alatau"])
    assert answer.status_code == 200, answer.text
    assert f"evidence-{event.id}.zip" in answer.headers["content-disposition"]
    report = verify(answer.content)
    assert (report.verdict, report.event) == ("good", event.id)
    assert report.facts is not None
    assert report.facts.decisions[0].by == "aigul"
    (noted,) = [e for e in api.app.state.services.audit.entries() if e.action == "evidence.exported"]
    assert (noted.subject, noted.details["sha256"]) == (event.id, sha256(answer.content))
    seen = [(await api.get("/audit", "auditor", districts=[d])).json()["items"] for d in ("alatau", "esil")]
    assert [[e["action"] for e in log] for log in seen] == [["violation.decided", "evidence.exported"], []]


@pytest.mark.slow
async def test_a_lead_is_handed_out_once_two_have_confirmed_it_and_who_takes_it_is_in_the_log(
    api: Any,
) -> None:
    services = api.app.state.services
    lead = (await access.case("/leads/{lead}", lead=True)(api, "esil")).path.rsplit("/", 1)[1]
    seen = services.leads._vault.seal(jpeg(np.full((80, 60, 3), 90, np.uint8)))
    services.results._client.hset(keys.lead(lead), mapping={"crop": seen, "model": "dlib@" + "ab" * 32})
    for by in ("first", "second"):
        refused = await api.get(f"/leads/{lead}/package", "authoriser")
        assert (refused.status_code, "got unconfirmed" in refused.json()["detail"]) == (409, True)
        assert (await api.post(f"/leads/{lead}/confirm", {}, "operator", sub=by)).status_code == 200
    answer = await api.get(f"/leads/{lead}/package", "authoriser", sub="bolat")
    assert answer.status_code == 200, answer.text
    report = verify(answer.content)
    assert (report.verdict, report.event) == ("good", lead), report.faults
    noted = [e for e in services.audit.entries() if e.who == "bolat"]
    assert [e.action for e in noted] == ["lead.viewed", "evidence.exported"]
    assert noted[1].details["sha256"] == sha256(answer.content)
    services.cases.close(services.leads.raw(lead).case, "somebody", "found")
    services.cases.sweep()
    assert (await api.get(f"/leads/{lead}/package", "authoriser")).status_code == 200, "kept as evidence"


@pytest.mark.slow
async def test_evidence_that_was_touched_is_refused_and_another_district_s_does_not_exist(api: Any) -> None:
    event = violation()
    store: EvidenceStore = api.app.state.services.evidence
    (stored,) = store_package(store, event)
    api.write(event, stored)
    elsewhere = await api.get(f"/violations/{event.id}/package", "auditor", districts=["esil"])
    assert elsewhere.status_code == 404
    store._files.write(_place(stored), b"touched")  # type: ignore[attr-defined]
    answer = await api.get(f"/violations/{event.id}/package", "auditor", districts=["alatau"])
    assert answer.status_code == 409
    assert list(api.app.state.services.audit.entries()) == []
    assert "first.jpg: expected sha256" in answer.json()["detail"]


def _place(stored: Any) -> Any:
    from pathlib import PurePosixPath

    return PurePosixPath(str(stored.data["folder"])) / "first.jpg"
