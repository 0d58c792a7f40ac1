"""Who may call what. Each endpoint says it with ``@may(...)``; one that says nothing keeps the API from starting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts

from flows.domain.people import ROLES, Person, Role
from serve.api.problems import Problem

F = TypeVar("F", bound=Callable[..., Any])

MARK: Final = "dome_access"
ANYBODY: Final[frozenset[Role]] = frozenset(ROLES)
"""Everybody with a good token, whatever their role."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of who may call what.

    Attributes:
        method: The HTTP method.
        path: The route, with its parameters.
        roles: Who may call it; empty: anybody, also without a token.
        name: The endpoint's name.
    """

    method: str
    path: str
    roles: frozenset[Role]
    name: str


def may(*roles: Role) -> Callable[[F], F]:
    """Says who may call an endpoint."""
    return _marked(frozenset(roles))


def anybody() -> Callable[[F], F]:
    """Says that everybody with a good token may call an endpoint."""
    return _marked(ANYBODY)


def public() -> Callable[[F], F]:
    """Says that an endpoint answers without a token. Nothing but health, and what a sign-in needs."""
    return _marked(frozenset())


def _marked(roles: frozenset[Role]) -> Callable[[F], F]:
    def mark(endpoint: F) -> F:
        setattr(endpoint, MARK, roles)
        return endpoint

    return mark


def table(app: FastAPI) -> list[Row]:
    """All routes of an application with who may call them.

    Raises:
        TypeError: If an endpoint says nothing about it.
    """
    rows = []
    for route in iter_route_contexts(app.routes):
        roles = getattr(route.endpoint, MARK, None)
        if roles is None:
            raise TypeError(f"{route.path}: its endpoint does not say who may call it; use @may(...)")
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            rows.append(Row(method, str(route.path), roles, str(route.name)))
    return rows


def public_paths(rows: Iterable[Row]) -> frozenset[str]:
    """The paths that answer without a token."""
    return frozenset(row.path for row in rows if not row.roles)


async def authorised(request: Request) -> None:
    """Every route depends on it: the caller's roles against the endpoint's.

    Raises:
        Problem: 403 if none of them will do.
    """
    roles: frozenset[Role] = getattr(request.scope["endpoint"], MARK)
    if not roles:
        return
    person = person_of(request)
    if not person.has(*roles):
        raise Problem(403, f"expected the role {' or '.join(sorted(roles))}, "
                           f"got {', '.join(sorted(person.roles)) or 'none'}")  # fmt: skip


def person_of(request: Request) -> Person:
    """Who calls.

    Raises:
        Problem: 401 if nobody is known (a public route that asks all the same).
    """
    person = request.scope.get("person")
    if not isinstance(person, Person):
        raise Problem(401, "no token")
    return person
