"""Evidence packages: one signed zip of a case, for whoever trusts nobody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from serve.api.access import may
from serve.api.problems import described
from serve.api.routes.violations import Id
from serve.api.scope import scoped
from serve.api.scopes.packages import Packages

router = APIRouter(tags=["violations"])
Scope = Annotated[Packages, scoped(Packages)]


@router.get(
    "/violations/{violation_id}/package",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}, **described(404, 409)},
)
@may("reviewer", "authoriser", "auditor")
def package(scope: Scope, violation_id: Id) -> Response:
    """Everything about the case in one zip; `dome evidence verify` checks it offline, to the byte.

    409 if what is stored is not what the camera hashed.
    """
    name = f'attachment; filename="evidence-{violation_id}.zip"'
    return Response(
        scope.of(violation_id), media_type="application/zip", headers={"content-disposition": name}
    )
