"""How reports look to other systems."""

from __future__ import annotations

from xml.etree import ElementTree

from citizens import AT, report

from flows.domain.reports import SERVICE_CODES, step
from flows.reports.open311 import receipt_row, request_row, service_rows, to_xml


def test_open311_rows_have_every_field_of_the_standard_and_name_no_reporter() -> None:
    row = request_row(step(report(), "declined", "aigul", AT, "not to be seen"))
    assert {"service_request_id", "status", "status_notes", "service_name", "service_code", "description",
            "agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime",
            "address", "address_id", "zipcode", "lat", "long", "media_url"} == set(row)  # fmt: skip
    assert (row["status"], row["status_notes"]) == ("closed", "declined: not to be seen")
    assert "egov" not in str(row)
    assert receipt_row(report())["service_request_id"] == report().id
    assert {r["service_code"] for r in service_rows()} == set(SERVICE_CODES)


def test_xml_holds_whatever_people_write() -> None:
    words = 'a <b> & "c" \x00\x0b\ud800\ufffe ә'
    document = to_xml("service_requests", "request", [request_row(report(text=words.replace("\ud800", "")))])
    (request,) = ElementTree.fromstring(document)
    assert request.findtext("description") == 'a <b> & "c" \ufffd\ufffd\ufffd ә'
    assert request.find("zipcode") is not None
    assert to_xml("x", "y", [{"flag": True, "bad": "\ud800"}]).decode().count("\ufffd") == 1
