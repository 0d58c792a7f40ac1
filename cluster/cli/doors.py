"""Who can be tried out in the console, for development: a page of links, each of which signs one of them in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from flows.ownfile import write_own

if TYPE_CHECKING:
    from serve.api.config import ApiConfig

PEOPLE: Final = {
    "aigul": ("operator",),
    "farida": ("operator",),
    "bolat": ("reviewer",),
    "dana": ("authoriser",),
    "timur": ("patrol",),
    "erlan": ("auditor",),
}
"""What one asks for or confirms, another authorises, or confirms a second time."""
DOES: Final = {
    "operator": "answers leads, sends patrols, works on citizens' reports",
    "reviewer": "confirms or rejects violations",
    "authoriser": "authorises searches, issues violations that were confirmed",
    "patrol": "takes tasks on a tablet or a phone",
    "auditor": "reads who did, saw or decided what",
}
PAGE: Final = "sign-in.html"
VALID: Final = timedelta(hours=8)
AT_ONCE: Final = "reviewer"
"""Whose link is printed as well: without a case or a lead there is most to do for them."""


@dataclass(frozen=True, slots=True)
class Door:
    """A person who can be tried out, and the link that signs them in."""

    sub: str
    role: str
    link: str


@contextmanager
def doors(config: ApiConfig, address: str) -> Iterator[list[str]]:
    """What to print of an API at an address; the page of links lies below DOME_HOME until it ends.

    An API that knows an identity provider has no such page: it would not believe what this installation signs.
    """
    lines = [f"{_label('console')}{address}/console   API  {address}/api/v1   (Ctrl-C ends it)"]
    page = config.settings.home / PAGE
    if config.oidc.jwks:
        page.unlink(missing_ok=True)  # of one that was killed
        if config.oidc.client:
            lines.append(f"{_label('sign in')}at {config.oidc.issuer}, as its client {config.oidc.client}")
        yield lines
        return
    now = datetime.now(UTC)
    found = doors_of(config, address, now)
    text = page_of(found, now + VALID)
    write_own(page, text.encode())  # whoever reads it may be any of them
    try:
        yield lines + _told(found, page)
    finally:
        if page.is_file() and page.read_text(encoding="utf-8") == text:  # not that of a console begun since
            page.unlink()


def doors_of(config: ApiConfig, address: str, now: datetime) -> list[Door]:
    """Everybody's door, with tokens that are good from now on."""
    from serve.api.devkey import sign

    def link(sub: str, roles: Sequence[str]) -> str:
        token = sign(
            config.settings.home, config.oidc, sub=sub, roles=roles, districts=["*"], valid=VALID, now=now
        )
        return f"{address}/console#token={token}"

    return [Door(sub, roles[0], link(sub, roles)) for sub, roles in PEOPLE.items()]


def page_of(found: Sequence[Door], until: datetime) -> str:
    """The page of links: it needs no connection and runs no script."""
    rows = "\n".join(
        f'<li><a href="{escape(door.link)}"><b>{door.sub}</b> <i>{door.role}</i> {DOES[door.role]}</a></li>'
        for door in found
    )
    return _HTML.substitute(rows=rows, hours=_hours(), until=f"{until.astimezone():%d/%m/%Y, %H:%M %Z}")


def _told(found: Sequence[Door], page: Path) -> list[str]:
    """Everybody in a line a role, the page that opens each, and one link for who cannot open a file."""
    roles = [(role, [door.sub for door in some]) for role, some in groupby(found, lambda door: door.role)]
    width = max(len(", ".join(subs)) for _, subs in roles)
    longest = max(len(role) for role, _ in roles)
    at_once = next(door for door in found if door.role == AT_ONCE)
    return [
        f"{_label('sign in')}{page.resolve().as_uri()}   links for all of these, for development, good for {_hours()}",
        *(
            f"{_label('')}{', '.join(subs):<{width}}  [bold]{role:<{longest}}[/]  [dim]{DOES[role]}[/]"
            for role, subs in roles
        ),
        f"{_label('or')}as {at_once.sub}, the {at_once.role}: {at_once.link}",
    ]


def _label(text: str) -> str:
    """As the demo's table has them."""
    return f"[bold]{text:<9}[/] "


def _hours() -> str:
    return f"{VALID.total_seconds() / 3600:g} hours"


_HTML: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Sign in · Digital Dome</title>
<style>
:root { color-scheme: dark; color: #e6eef9; background: #0b1220; font: 16px/1.5 system-ui, "Noto Sans", sans-serif; }
body { margin: 0; padding: 6vh 1rem; }
main { max-width: 54rem; margin: 0 auto; }
ul { list-style: none; margin: 1.5rem 0; padding: 0; display: grid; gap: .6rem; }
a { display: grid; grid-template-columns: 6rem 7rem 1fr; gap: 0 .8rem; padding: .9rem 1.1rem; }
a { color: inherit; background: #131d30; border: 1px solid #2c3c5a; border-radius: 10px; text-decoration: none; }
a:hover, a:focus-visible { border-color: #5cc8ff; background: #1b2840; outline: none; }
i { font-style: normal; color: #5cc8ff; }
p { color: #a4b4cc; margin: .4rem 0; }
@media (max-width: 40rem) { a { display: block; } }
</style>
</head>
<body>
<main>
<h1>Try Digital Dome as …</h1>
<p>One browser is one person at a time: open a second one in a private window.</p>
<ul>
$rows
</ul>
<p>These links are for development. They are good for $hours, until $until, and whoever has one is that person: this
page is for nobody but you, and goes when the console ends.</p>
</main>
</body>
</html>
""")
