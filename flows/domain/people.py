"""Who asks: roles, and the districts that a person's token opens."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Role = Literal[
    "operator", "reviewer", "authoriser", "patrol", "analyst", "auditor", "administrator", "channel"
]  # fmt: skip
ROLES: Final[tuple[Role, ...]] = get_args(Role)
EVERYWHERE: Final = "*"
"""Among a person's districts: all there are."""
SEE_PLATES: Final[frozenset[Role]] = frozenset({"operator", "reviewer", "authoriser", "patrol", "auditor"})
"""Analysts count, administrators keep things running, channels bring reports: none of them needs a plate."""


class Person(BaseModel):
    """Somebody (or a service) whose token was found good.

    Attributes:
        sub: Their login, as the identity provider says it; stands in decisions and in the audit log.
        name: What people call them.
        roles: What they may do.
        districts: Where; ``*`` is everywhere. Empty is nowhere.
    """

    model_config = ConfigDict(frozen=True)

    sub: str = Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")
    name: str = ""
    roles: frozenset[Role] = frozenset()
    districts: frozenset[str] = frozenset()

    def has(self, *roles: Role) -> bool:
        """Whether they hold any of the roles."""
        return not self.roles.isdisjoint(roles)

    def covers(self, district: str) -> bool:
        """Whether a district is theirs.

        >>> Person(sub="a", districts=frozenset({"esil"})).covers("almaly")
        False
        """
        return EVERYWHERE in self.districts or district in self.districts

    @property
    def sees_plates(self) -> bool:
        """Whether plates are shown to them."""
        return not self.roles.isdisjoint(SEE_PLATES)
