"""A face search that answers in this process: the stage and the search without Ray between them."""

from __future__ import annotations

from collections.abc import Sequence

from flows.domain.cases import SearchCase
from flows.domain.faces import FaceAnswer, FaceRequest
from flows.faces.searcher import FaceSearcher


class Direct:
    """See :class:`flows.domain.faces.AskedForFaces`."""

    def __init__(self, searcher: FaceSearcher) -> None:
        self._searcher = searcher

    async def scope(self) -> Sequence[SearchCase]:
        return self._searcher.scope()

    async def look(self, request: FaceRequest) -> FaceAnswer:
        return self._searcher.look(request)
