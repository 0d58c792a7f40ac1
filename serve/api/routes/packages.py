"""Evidence packages: one signed zip of a case, for whoever trusts nobody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from serve.api.access import may
from serve.api.problems import described
from serve.api.routes.searches import LeadId
from serve.api.routes.violations import Id
from serve.api.scope import scoped
from serve.api.scopes.packages import Packages

router = APIRouter()
Scope = Annotated[Packages, scoped(Packages)]


@router.get(
    "/violations/{violation_id}/package",
    tags=["violations"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}, **described(404, 409)},
)
@may("reviewer", "authoriser", "auditor")
def package(scope: Scope, violation_id: Id) -> Response:
    """Everything about the case in one zip; `dome evidence verify` checks it offline, to the byte.

    409 if what is stored is not what the camera hashed.
    """
    return _zip(scope.of(violation_id), violation_id)


@router.get(
    "/leads/{lead_id}/package",
    tags=["searches"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}, **described(404, 409)},
)
@may("operator", "authoriser")
def lead_package(scope: Scope, lead_id: LeadId) -> Response:
    """A lead that two people have confirmed, in one zip: the face as seen and the photo, how alike they are, the
    case's grounds, who confirmed it, and nobody else. That you take it is written down.

    409 for any other lead.
    """
    return _zip(scope.of_lead(lead_id), lead_id)


def _zip(made: bytes, about: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="evidence-{about}.zip"'}
    return Response(made, media_type="application/zip", headers=headers)
