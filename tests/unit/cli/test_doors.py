"""The doors that ``dome api`` opens for development: one page of links, for its owner only, while it runs."""

from __future__ import annotations

import html
import re
import stat
from pathlib import Path

from rich.text import Text

from cluster.cli.doors import DOES, PAGE, PEOPLE, doors
from flows.settings import Settings
from serve.api.config import ApiConfig
from serve.api.identity import Identity, keys_for

ADDRESS = "http://127.0.0.1:8000"
TOKEN = re.compile(r"#token=([\w.-]+)")


def config_of(home: Path, **env: str) -> ApiConfig:
    return ApiConfig.from_env("unix:///x", Settings.from_env({"DOME_HOME": str(home)}), env=env)


async def test_each_link_of_the_page_signs_its_own_person_in(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with doors(config, ADDRESS):
        page = (tmp_path / PAGE).read_text(encoding="utf-8")
    identity = Identity(config.oidc, keys_for(config.oidc, tmp_path))
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', page)]
    people = [await identity.person(TOKEN.findall(link)[0]) for link in links]
    assert {person.sub: tuple(person.roles) for person in people} == PEOPLE
    assert all(link.startswith(f"{ADDRESS}/console#token=") for link in links)
    assert {role for roles in PEOPLE.values() for role in roles} == DOES.keys(), "each says what they can do"


def test_the_page_is_its_owner_s_and_goes_when_the_console_ends(tmp_path: Path) -> None:
    page = tmp_path / PAGE
    page.write_text("of a console that was killed")
    page.chmod(0o644)
    with doors(config_of(tmp_path), ADDRESS):
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_what_is_printed_fits_a_screen_and_names_everybody_with_one_link_in_full(tmp_path: Path) -> None:
    with doors(config_of(tmp_path), ADDRESS) as told:
        lines = [Text.from_markup(line).plain for line in told]
        (whole,) = [line for line in lines if TOKEN.search(line)]
        assert (tmp_path / PAGE).as_uri() in lines[1]
    assert whole == lines[-1]
    assert all(len(line) < 120 for line in lines[2:-1])
    assert len(lines) <= 8
    assert all(any(sub in line for line in lines) for sub in PEOPLE)


def test_where_an_identity_provider_is_believed_there_are_no_links(tmp_path: Path) -> None:
    config = config_of(
        tmp_path, DOME_OIDC_JWKS="https://id.example/jwks", DOME_OIDC_ISSUER="https://id.example"
    )
    (tmp_path / PAGE).write_text("of a console that was killed")
    with doors(config, ADDRESS) as told:
        assert TOKEN.search("".join(told)) is None
        assert not (tmp_path / PAGE).exists()
        assert "sign in" not in "".join(told), "they paste one"


def test_where_people_sign_in_at_an_issuer_it_is_named(tmp_path: Path) -> None:
    env = {
        "JWKS": "https://id.example/jwks",
        "ISSUER": "https://id.example",
        "CLIENT": "console",
        "CLIENT_SECRET": "hush",
    }
    config = config_of(tmp_path, **{f"DOME_OIDC_{name}": value for name, value in env.items()})
    with doors(config, ADDRESS) as told:
        line = Text.from_markup(told[-1]).plain
        assert ("sign in" in line, "https://id.example" in line, "hush" in line) == (True, True, False)


def test_a_console_leaves_the_page_of_one_that_began_since(tmp_path: Path) -> None:
    with doors(config_of(tmp_path), "http://127.0.0.1:1"):
        with doors(config_of(tmp_path), "http://127.0.0.1:2"):
            newer = (tmp_path / PAGE).read_text()
        (tmp_path / PAGE).write_text(newer)
    assert (tmp_path / PAGE).read_text() == newer
