"""The face search behind Ray Serve: a thin shell round :class:`flows.faces.searcher.FaceSearcher`.

The gallery is in this process's memory and nowhere else. Nothing that is raised or logged here says more than the
kind of an error: a message might quote what it could not read.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import Final, cast

from ray import serve

from flows.domain.cases import SearchCase
from flows.domain.errors import FacesAway
from flows.domain.faces import FaceAnswer, FaceRequest, SeesFaces
from flows.faces.searcher import FaceSearcher
from flows.faces.thresholds import built_in
from flows.leaks import without_dumps
from flows.loading import made
from flows.settings import Settings
from flows.store.searching import Searching
from flows.store.vault import Vault
from serve.deployments.engine import Engine

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
"""Between questions for what may be searched: a case that is closed, or the stop switch, is obeyed within this."""
GALLERY_S: Final = 300.0
"""A thousand photos of searched people, embedded in one run, take 200 s; whoever takes longer hangs."""


@serve.deployment
class FacesDeployment:
    """Answers a :class:`FaceRequest` with hits, and forgets it.

    Args:
        settings: The pair of models, where weights lie, the key of what is biometric.
        redis_url: Where cases are.
        loader: ``module:function`` that makes the eyes from a pair's name and the settings.
    """

    def __init__(self, settings: Settings, redis_url: str, loader: str) -> None:
        without_dumps()
        eyes = cast(SeesFaces, made(loader, settings.faces, settings))
        source = Searching(redis_url, Vault.of(settings.probe_key.get_secret_value()))
        self._searcher = FaceSearcher(eyes, source, built_in(settings.faces), lambda: datetime.now(UTC))
        self._engine = Engine("faces", GALLERY_S)  # one thread: the gallery changes only between two looks
        self._engine.submit(self._searcher.refresh).result()
        self._poll = threading.Thread(target=self._follow, name="cases", daemon=True)
        self._poll.start()

    def scope(self) -> tuple[SearchCase, ...]:
        """The active cases, as cameras may know them."""
        return self._searcher.scope()

    async def look(self, request: FaceRequest) -> FaceAnswer:
        """Whether somebody is who is searched for; nothing is known of them afterwards.

        Raises:
            FacesAway: If the search fails on it; says of what kind, not what.
        """
        try:
            return await self._engine.run(self._searcher.look, request)
        except Exception as error:  # noqa: BLE001  whatever it is, its message may quote a face
            raise FacesAway(f"a look failed: {type(error).__name__}") from None

    async def check_health(self) -> None:
        """Serve calls it every few seconds and replaces a replica that hangs or no longer follows the cases."""
        await self._engine.check()
        if not self._poll.is_alive():
            raise RuntimeError("the thread that follows the cases has died")

    def _follow(self) -> None:
        pause = threading.Event()
        while not pause.wait(POLL_S):
            try:
                self._engine.submit(self._searcher.refresh).result()
            except Exception as error:  # noqa: BLE001  whatever it is, its message may quote a face
                self._engine.submit(self._searcher.forget)
                log.error("no search: the gallery cannot be made: %s", type(error).__name__)
