"""Signing in at the issuer: OpenID Connect's authorization code with PKCE, as oauthlib words it.

People never give us their password. The browser goes to the issuer and comes back with a code; the code, and later the
refresh token, are exchanged from here. What is believed of a person is read from the access token, as from everybody
who sends one (:mod:`serve.api.identity`); the ID token says that it is an answer to what this browser asked.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote_plus, urlencode

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict

from flows.domain.errors import DomeError, StoreError
from serve.api.config import OidcConfig
from serve.api.identity import AGAIN_S, FETCH_S, Identity, Unknown

log = logging.getLogger(__name__)

DISCOVERY: Final = "/.well-known/openid-configuration"
FRESH_S: Final = 3600.0
"""The issuer's settings are fetched again after that; they change about once a year."""
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


def _safe(address: str) -> str:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from None
    if url.scheme != "https" or not url.host:
        raise ValueError("expected an https address")
    return address


Safe = Annotated[str, AfterValidator(_safe)]
"""An address to which passwords, codes and tokens go."""


class Refused(DomeError):
    """The issuer signs nobody in, or what came from it is no answer to what was asked; says why, for the log."""

    code = "sign_in_refused"


class Discovered(BaseModel):
    """What an issuer says of itself (OpenID Connect Discovery 1.0), as far as it is needed."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: Safe
    token_endpoint: Safe
    end_session_endpoint: Safe | None = None
    revocation_endpoint: Safe | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser keeps while its person is at the issuer: whatever comes back must fit it.

    Attributes:
        state: Comes back with the code.
        nonce: Comes back in the ID token.
        verifier: Of PKCE (RFC 7636): the code is good only with it.
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def anew(cls) -> Asked:
        """A random one."""
        return cls(*(secrets.token_urlsafe(bytes) for bytes in (24, 24, 48)))

    def __str__(self) -> str:
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @classmethod
    def of(cls, text: str) -> Asked:
        """From its text.

        Raises:
            Refused: If it is none.
        """
        parts = text.split(".")
        if len(parts) != 3 or not all(parts):
            raise Refused("this browser did not ask to sign in, or too long ago")
        return cls(*parts)


class Tokens(BaseModel):
    """What an issuer gives.

    Attributes:
        access: Says who they are, to us.
        refresh: Gets the next ones; empty if there are none to be had.
        id: Says to whom it was given; empty with a refreshed one that has none.
    """

    model_config = ConfigDict(frozen=True)

    access: str
    refresh: str = ""
    id: str = ""


class Provider:
    """The issuer at which people sign in. Safe to use from several threads.

    Args:
        oidc: With a client.
        identity: Reads its tokens.
        transport: How it is reached.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        oidc: OidcConfig,
        identity: Identity,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from oauthlib.oauth2 import OAuth2Error, WebApplicationClient  # only where people sign in

        self._oidc, self._identity, self._clock = oidc, identity, clock
        self._error: Any = OAuth2Error
        self._client: Callable[[], Any] = lambda: WebApplicationClient(oidc.client)
        self._http = httpx.Client(timeout=FETCH_S, transport=transport)
        self._found: Discovered | None = None
        self._asked_s, self._away = float("-inf"), ""
        self._lock = threading.Lock()

    @property
    def issuer(self) -> str:
        """Its address."""
        return self._oidc.issuer

    def close(self) -> None:
        """Gives the connections back."""
        self._http.close()

    def address(self, asked: Asked, back: str) -> str:
        """Where a browser goes to sign in.

        Args:
            asked: What it keeps.
            back: Where the issuer sends it afterwards.

        Raises:
            StoreError: If the issuer is away, and was since we began.
        """
        client = self._client()
        challenge = client.create_code_challenge(asked.verifier, "S256")
        address: str = client.prepare_request_uri(
            self._known().authorization_endpoint, redirect_uri=back, scope=self._oidc.scope, state=asked.state,
            nonce=asked.nonce, code_challenge=challenge, code_challenge_method="S256",
        )  # fmt: skip
        return address

    def exchange(self, query: str, asked: Asked, back: str) -> Tokens:
        """What the issuer gives for the code with which a browser has come back.

        Args:
            query: Of the address that it came to.
            asked: What it kept.
            back: As it was asked.

        Raises:
            Refused: If it is no answer to that, or the issuer says no.
            Unknown: If nobody can be made of its tokens.
            StoreError: If the issuer, or its keys, are away.
        """
        client = self._client()
        try:
            # The library insists on https for our own address, too, which behind a proxy and on one machine is http.
            came = client.parse_request_uri_response(f"https://console/?{query}", state=asked.state)
        except self._error as error:
            raise Refused(f"came back without a code: {_said(error)}") from None
        wanted = {"code": came["code"], "redirect_uri": back, "code_verifier": asked.verifier}
        try:
            tokens = self._ask(client.prepare_request_body(include_client_id=False, **wanted))
        except self._error as error:
            raise Refused(f"the issuer gave nothing for a code: {_said(error)}") from None
        self._check(tokens, asked.nonce)
        return tokens

    def refresh(self, tokens: Tokens) -> Tokens:
        """The next ones.

        Raises:
            Refused: If the issuer says that the session there is over.
            StoreError: If it is away, or says anything else: that is no reason to sign somebody out.
        """
        try:
            found = self._ask(self._client().prepare_refresh_body(refresh_token=tokens.refresh))
        except self._error as error:
            if error.error == "invalid_grant":
                raise Refused(f"the session has ended at the issuer: {_said(error)}") from None
            log.warning("the issuer gives no new token: %s", _said(error))
            raise StoreError("the issuer gives no new token now") from None
        return Tokens(access=found.access, refresh=found.refresh or tokens.refresh, id=found.id or tokens.id)

    def leave(self, tokens: Tokens, back: str) -> str:
        """Ends the session there as far as that goes from here; where the browser goes to end its own, else empty.

        Nothing that happens to the issuer keeps anybody signed in here, so nothing is raised.

        Args:
            tokens: What it gave.
            back: Where the issuer may send the browser afterwards.
        """
        try:
            known = self._known()
            if known.revocation_endpoint and tokens.refresh:
                address, _, body = self._client().prepare_token_revocation_request(
                    known.revocation_endpoint, tokens.refresh, "refresh_token"
                )
                self._post(address, body)
        except StoreError as error:
            log.warning("signed out here, not at the issuer: %s", error)
            return ""
        if known.end_session_endpoint is None:
            return ""
        said = {"client_id": self._oidc.client, "post_logout_redirect_uri": back}
        said |= {"id_token_hint": tokens.id} if tokens.id else {}
        return str(httpx.URL(known.end_session_endpoint).copy_merge_params(said))

    def _check(self, tokens: Tokens, nonce: str) -> None:
        """OpenID Connect Core 1.0, 3.1.3.7: the ID token is for us, and answers what this browser asked."""
        try:
            claims = self._identity.claims(tokens.id, self._oidc.client)
        except Unknown as error:
            raise Refused(f"the ID token: {error}") from None
        if claims.get("nonce") != nonce:
            raise Refused("the ID token answers another question (its nonce)")
        if claims.get("azp", self._oidc.client) != self._oidc.client:
            raise Refused("the ID token was given to another client (its azp)")
        _, person = self._identity.read(tokens.access)
        if str(claims["sub"]).lower() != person.sub:
            raise Refused("the ID token and the access token are about two people")

    def _ask(self, body: str) -> Tokens:
        """Asks for tokens; the library's errors are for whoever asks."""
        answer = self._post(self._known().token_endpoint, body)
        try:
            found: dict[str, Any] = self._client().parse_request_body_response(answer.text)
            return Tokens(access=found["access_token"], refresh=found.get("refresh_token") or "",
                          id=found.get("id_token") or "")  # fmt: skip
        except (ValueError, TypeError, AttributeError) as error:
            log.warning("the issuer answers %s with something else", answer.status_code)
            raise StoreError(f"the issuer answers with something else ({type(error).__name__})") from None

    def _post(self, address: str, body: str) -> httpx.Response:
        """Says who asks as the issuer takes it (RFC 6749, 2.3.1): by a header if it can be."""
        client, secret = self._oidc.client, self._oidc.client_secret.get_secret_value()
        auth = httpx.Auth()
        if secret and "client_secret_basic" in self._known().token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(quote_plus(client), quote_plus(secret))
        else:
            body += "&" + urlencode({"client_id": client} | ({"client_secret": secret} if secret else {}))
        try:
            answer = self._http.post(address, content=body, headers=FORM, auth=auth)
        except httpx.HTTPError as error:
            raise StoreError(f"the issuer cannot be reached: {type(error).__name__}") from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise StoreError(f"the issuer answers {answer.status_code}")
        return answer

    def _known(self) -> Discovered:
        """Its settings; while they cannot be had, those that it gave last are good."""
        # Where they are known nobody waits for another's fetching.
        if self._lock.acquire(blocking=self._found is None):
            try:
                age_s = self._clock() - self._asked_s
                if age_s > (FRESH_S if self._found is not None and not self._away else AGAIN_S):
                    self._fetch()
            finally:
                self._lock.release()
        if self._found is None:
            raise StoreError(f"the issuer's settings cannot be had: {self._away}")
        return self._found

    def _fetch(self) -> None:
        self._asked_s = self._clock()
        try:
            answer = self._http.get(self._oidc.issuer.rstrip("/") + DISCOVERY).raise_for_status()
            found = Discovered.model_validate_json(answer.content)
            if found.issuer != self._oidc.issuer:
                raise ValueError(f"it calls itself {found.issuer!r}, expected DOME_OIDC_ISSUER")
            self._found, self._away = found, ""
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            log.warning("the issuer's settings cannot be had: %s", error)
            self._away = type(error).__name__


def provider_for(oidc: OidcConfig, identity: Identity) -> Provider | None:
    """The issuer at which people sign in, if a configuration names a client there."""
    return Provider(oidc, identity) if oidc.client else None


def _said(error: Any) -> str:
    """What the library says; what came from elsewhere is cut short, and stays in its line of the log."""
    return repr(f"{error.error} {error.description or ''}"[:200])
