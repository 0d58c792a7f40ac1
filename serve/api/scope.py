"""The one place where queries are bound to the districts of whoever asks.

A route gets a scope and nothing else: ``scope: Annotated[Scope, Depends(scope_of)]``. Whatever a scope returns lies
in the caller's districts; what lies elsewhere is as if it did not exist. Another noun's data (reports, patrols) is
reached the same way: a class with ``__init__(self, services, bounds)``, given to routes by ``scoped(TheClass)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Depends, Request

from flows.domain.people import EVERYWHERE, Person
from serve.api.access import person_of
from serve.api.idempotency import Once
from serve.api.problems import NO_SUCH, Problem
from serve.api.services import Services

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Who asks, and where they may look.

    Attributes:
        person: Who asks.
        good_until_s: When their token ends, seconds since 1970: what lasts longer than a request ends then too.
        once: What is known of the request by its ``Idempotency-Key``.
    """

    person: Person
    good_until_s: float = float("inf")
    once: Once = field(default_factory=Once)

    @property
    def districts(self) -> frozenset[str] | None:
        """Where they may look; None: everywhere."""
        return None if EVERYWHERE in self.person.districts else self.person.districts

    def narrow(self, wanted: Iterable[str], known: Callable[[], Iterable[str]]) -> list[str]:
        """The districts to ask for: those wanted, or all of the caller's if none is wanted.

        Args:
            wanted: Districts named in the request; one of them that is not the caller's is refused.
            known: All there are, asked for only where the caller may look everywhere.

        Raises:
            Problem: 403 for a district that is not theirs.
        """
        wanted = list(wanted)
        for district in wanted:
            if not self.person.covers(district):
                raise Problem(403, f"district {district!r} is not among yours")
        if wanted:
            return sorted(set(wanted))
        if EVERYWHERE in self.person.districts:
            return sorted(known())
        return sorted(self.person.districts)

    def require(self, district: str | None) -> None:
        """Lets pass what lies in the caller's districts.

        Raises:
            Problem: 404 for what does not, as for what does not exist (None).
        """
        if district is None or not self.person.covers(district):
            raise Problem(404, NO_SUCH)


def services_of(request: Request) -> Services:
    """The replica's services. For scopes; routes do not ask for it."""
    services: Services = request.app.state.services
    return services


def bounds_of(request: Request) -> Bounds:
    """Who asks, and where they may look."""
    once = request.scope.get("once") or Once()
    return Bounds(person_of(request), request.scope.get("good_until_s", 0.0), once)


def scoped(kind: Callable[[Services, Bounds], T]) -> Any:
    """A dependency that gives a scope of some kind, bound to the caller."""

    def make(request: Request) -> T:
        return kind(services_of(request), bounds_of(request))

    return Depends(make)
