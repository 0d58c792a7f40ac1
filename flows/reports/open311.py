"""Open311 GeoReport v2: reports as other systems read and write them, in JSON and XML (http://wiki.open311.org/GeoReport_v2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree

from flows.domain.reports import SERVICES, Report, Service

JSON: Final = "application/json"
XML: Final = "text/xml; charset=utf-8"
Row = Mapping[str, Any]


def service_rows(services: Sequence[Service] = SERVICES) -> list[dict[str, Any]]:
    """``GET services``: what can be reported."""
    return [
        {
            "service_code": service.code,
            "service_name": service.name,
            "description": service.description,
            "metadata": False,
            "type": "realtime",
            "keywords": ",".join(service.keywords),
            "group": service.group,
        }
        for service in services
    ]


def receipt_row(report: Report) -> dict[str, Any]:
    """``POST requests``: the receipt, with the tracking id."""
    return {
        "service_request_id": report.id,
        "service_notice": "It was received. You will hear of it through the same channel.",
        "account_id": None,
    }


def request_row(report: Report) -> dict[str, Any]:
    """``GET requests``: a report as everybody may read it, without who reported and without pictures."""
    service = next((s for s in SERVICES if s.code == report.service), None)
    last = report.steps[-1] if report.steps else None
    return {
        "service_request_id": report.id,
        "status": "open" if report.open else "closed",
        "status_notes": f"{report.state}: {last.note}" if last is not None and last.note else report.state,
        "service_name": service.name if service else report.service,
        "service_code": report.service,
        "description": report.text,
        "agency_responsible": report.district,
        "service_notice": f"merged into {report.merged_into}" if report.merged_into else None,
        "requested_datetime": report.received_at.isoformat(timespec="seconds"),
        "updated_datetime": report.changed_at.isoformat(timespec="seconds"),
        "expected_datetime": None,
        "address": report.address or None,
        "address_id": None,
        "zipcode": None,
        "lat": report.latitude,
        "long": report.longitude,
        "media_url": None,
    }


def error_rows(code: int, description: str) -> list[dict[str, Any]]:
    """An error in the standard's own form."""
    return [{"code": code, "description": description}]


def to_xml(root: str, item: str, rows: Sequence[Row]) -> bytes:
    """Rows as a document.

    >>> to_xml("service_requests", "request", [{"service_request_id": "a<b", "token": None}]).decode()
    "<?xml version='1.0' encoding='utf-8'?>\\n<service_requests><request><service_request_id>a&lt;b</service_request_id><token /></request></service_requests>"
    """  # noqa: E501
    top = ElementTree.Element(root)
    for row in rows:
        node = ElementTree.SubElement(top, item)
        for name, value in row.items():
            ElementTree.SubElement(node, name).text = _text(value)
    return bytes(ElementTree.tostring(top, encoding="utf-8", xml_declaration=True))


def _text(value: object) -> str | None:
    """As XML has it; letters that XML 1.0 cannot hold become a sign that something was there."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "".join(c if c in "\t\n" or (c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff")
                   else "\ufffd" for c in str(value))  # fmt: skip
