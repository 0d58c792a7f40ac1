"""Webhooks that lie wholly in the caller's districts."""

from __future__ import annotations

import secrets

from flows.casework.webhooks import allowed, new_secret
from flows.domain.errors import FieldError
from flows.domain.people import EVERYWHERE
from flows.domain.webhook import Webhook
from serve.api.problems import NO_SUCH, Problem
from serve.api.scope import Bounds
from serve.api.services import Services


class Webhooks:
    """Makes, lists and removes webhooks."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def all(self) -> list[Webhook]:
        """Webhooks, by id."""
        return [hook for hook in self._services.webhooks.all() if self._theirs(hook)]

    def one(self, hook_id: str) -> Webhook:
        """One of them.

        Raises:
            Problem: 404 if it is none of theirs.
        """
        for hook in self.all():
            if hook.id == hook_id:
                return hook
        raise Problem(404, NO_SUCH)

    def dead(self, hook_id: str) -> list[dict[str, str]]:
        """What it did not take, the newest first. See :meth:`one`."""
        return self._services.webhooks.dead(self.one(hook_id).id)

    def again(self, hook_id: str) -> None:
        """Has it sent once more. See :meth:`one`."""
        hook = self.one(hook_id)
        if not self._bounds.once.again:
            self._services.webhooks.again(hook, self._bounds.person.sub)

    def add(self, url: str, types: list[str], districts: list[str]) -> Webhook:
        """Makes one, with a new secret; asked for again, it is the one that was made.

        Raises:
            FieldError: If events may not be posted there.
            Problem: 403 for a district that is not theirs.
        """
        if self._bounds.once.again:
            return self.one(self._bounds.once.made)
        hosts = self._services.config.webhook_hosts
        if not allowed(url, hosts):
            known = ", ".join(hosts) or "none: set DOME_WEBHOOK_HOSTS"
            raise FieldError("url", f"an https address at a known host ({known})", url[:200])
        named = self._bounds.narrow(districts, list) if districts else sorted(self._bounds.person.districts)
        hook = Webhook(
            id=secrets.token_hex(8), url=url, types=tuple(types), districts=frozenset(named),
            secret=new_secret(), made_by=self._bounds.person.sub, made_at=self._services.now(),
        )  # fmt: skip
        self._services.webhooks.add(hook)
        self._bounds.once.made = hook.id
        return hook

    def remove(self, hook_id: str) -> None:
        """Removes one. See :meth:`one`."""
        if self._bounds.once.again:
            return
        self._services.webhooks.remove(self.one(hook_id), self._bounds.person.sub)

    def _theirs(self, hook: Webhook) -> bool:
        person = self._bounds.person
        return EVERYWHERE in person.districts or all(person.covers(d) for d in hook.districts)
