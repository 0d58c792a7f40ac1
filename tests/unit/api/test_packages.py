from __future__ import annotations

from typing import Any

from packages import decision, store_package, violation

from flows.court.verify import verify
from flows.package import sha256
from flows.store.evidence import EvidenceStore


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
