"""Who may call which route, as people agreed on it: held against what the application says of itself.

Whoever adds a route adds its row here, in a call of :func:`row`, with a way to call it for something in a district.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from apiclient import speeding, stored

from flows.domain.events import Event
from flows.domain.people import ROLES, Role

Kind = Literal["one", "list", "free", "stream"]


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        path: With everything filled in, below ``/api/v1``.
        body: As JSON; None sends none.
        mark: Text that the answer holds if it shows the thing in the district.
    """

    path: str
    body: Any = None
    mark: str = ""


Make = Callable[[Any, str], Awaitable[Call]]
"""Makes something in a district and says how to ask for it."""


@dataclass(frozen=True)
class Row:
    """What people agreed on for one route.

    Attributes:
        roles: Who may call it.
        kind: ``one``: something of another district is not found; ``list``: it is left out; ``free``: nothing in it
            belongs to a district; ``stream``: never ends, see the tests of the stream.
        make: Makes something to ask for.
        good: Statuses of a call that is allowed.
    """

    roles: frozenset[Role]
    kind: Kind
    make: Make
    good: tuple[int, ...] = (200, 201, 202, 204)


TABLE: dict[str, Row] = {}


def row(route: str, roles: str, kind: Kind, make: Make, good: tuple[int, ...] = (200, 201, 202, 204)) -> None:
    """Adds a row; ``roles`` are words, ``*`` is everybody with a token, nothing is everybody."""
    found = ROLES if roles == "*" else roles.split()
    TABLE[route] = Row(frozenset(found), kind, make, good)  # type: ignore[arg-type]


def plain(path: str, body: Any = None) -> Make:
    """Nothing has to be made."""

    async def make(api: Any, district: str) -> Call:
        return Call(path, body)

    return make


def violation(path: str, body: Any = None, state: str = "stands") -> Make:
    """A violation in the district."""

    async def make(api: Any, district: str) -> Call:
        event = written(api, district, state)
        return Call(path.format(id=event.id), body, event.id)

    return make


def written(api: Any, district: str, state: str = "stands") -> Event:
    written.count += 1  # type: ignore[attr-defined]
    event = speeding(written.count, district, state=state)  # type: ignore[attr-defined]
    api.write(event, stored(event, "clip.mp4"))
    api.app.state.services.evidence.write(f"x/{event.id}", {"clip.mp4": b"01"}, b"{}")
    return event


written.count = 0  # type: ignore[attr-defined]

WATCH = "operator reviewer authoriser analyst auditor"
row("GET /health", "", "free", plain("/health"))
row("GET /me", "*", "free", plain("/me"))
row("GET /openapi.json", "*", "free", plain("/openapi.json"))
row("GET /violations", WATCH, "list", violation("/violations"))
row("GET /violations/{violation_id}", WATCH, "one", violation("/violations/{id}"))
row("GET /violations/{violation_id}/files/{name}", "operator reviewer authoriser auditor", "one",
    violation("/violations/{id}/files/clip.mp4"))  # fmt: skip
row("POST /violations/{violation_id}/{step}", "operator reviewer authoriser", "one",
    violation("/violations/{id}/claim", {"version": 0}), (200, 403))  # fmt: skip
row("GET /review/queue", "operator reviewer authoriser auditor", "list", violation("/review/queue?limit=50"))
row("POST /review/next", "reviewer", "list", violation("/review/next"))
row("GET /alerts/stream", WATCH + " patrol administrator", "stream", plain("/alerts/stream?after=x"), (422,))
