"""A browser signs in at an identity provider of another site, and out again."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path
from typing import Any

import httpx
import pytest
from apiclient import config_for
from browsing import check_accessible, served
from evidencestore import store_in
from issuer import ADDRESS, CLIENT, Issuer

from flows.store.redis_server import EmbeddedRedis
from serve.api.config import OidcConfig
from serve.api.provider import Provider

pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="no chromium: apt-get install chromium"
)


def test_who_signs_in_at_the_issuer_works_on_the_page_that_they_wanted_until_they_sign_out(
    browser: Any, shots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer(tmp_path)
    issuer.more = {"groups": [f"g{n:04}" for n in range(1000)]}  # longer than a cookie may be
    oidc = OidcConfig(issuer=ADDRESS, jwks=issuer.jwks(tmp_path / "jwks.json"), client=CLIENT)
    monkeypatch.setattr(
        "serve.api.services.provider_for",
        lambda oidc, identity: Provider(oidc, identity, httpx.MockTransport(issuer)),
    )

    def there(route: Any) -> None:
        """The issuer's own pages, as far as they are needed."""
        address = route.request.url
        back = issuer.signs_in(address) if "/authorise" in address else f"{console}/console"
        body = f'<title>issuer</title><a id="go" href="{escape(back)}">go</a>'
        route.fulfill(body=body, content_type="text/html")

    with EmbeddedRedis(tmp_path / "redis") as redis:
        config = config_for(redis.url, tmp_path, oidc=oidc)
        store_in(config.settings.evidence)
        with served(config) as console:
            context = browser.new_context(locale="en")
            context.route(f"{ADDRESS}/**", there)
            page = context.new_page()
            page.goto(f"{console}/console#/cameras")
            page.wait_for_selector("text=id.example")
            check_accessible(page)
            page.screenshot(path=shots / "sign-in.png")
            page.click(".sign-in a")
            page.click("#go")
            page.wait_for_selector(".who:has-text('aigul')")
            assert page.url.endswith("/console#/cameras")
            other = context.new_page()
            other.goto(f"{console}/console#/review")
            other.wait_for_selector(".who:has-text('aigul')")
            page.click("text=Sign out")
            page.wait_for_selector("#go")
            assert page.url.startswith(f"{ADDRESS}/leave?")
            other.wait_for_selector(".sign-in a")
            page.click("#go")
            page.wait_for_selector(".sign-in a")
            context.close()
