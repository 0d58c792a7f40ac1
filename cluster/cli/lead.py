"""``dome lead``: what a machine takes for a searched person; two people look before anyone goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.case import As, AsJson
from cluster.cli.shell import counted, print_json, stdout

if TYPE_CHECKING:
    from flows.domain.leads import LeadView

app = typer.Typer(
    no_args_is_help=True, help="Leads of search cases: confirm or reject them, blind to others' answers."
)

Id = Annotated[str, typer.Argument(metavar="LEAD")]


@app.command("list")
def list_(case: Annotated[str, typer.Argument(metavar="CASE")], by: As, as_json: AsJson = False) -> None:
    """List the leads of a case as you may see them: nobody's answer before your own."""
    from cluster.searching import searching

    with searching() as stores:
        views = stores.leads.of_case(case, by)
    if as_json:
        print_json({"case": case, "leads": [_row(view) for view in views]})
        return
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "lead",
        "captured",
        "camera",
        "state",
        "yours",
        "similarity",
        "false alarms in a million",
        "until",
    ):
        # The id is what the next command asks for: it is whole, whatever else has to break.
        shown.add_column(name, no_wrap=name == "lead", min_width=36 if name == "lead" else None)
    for view in views:
        lead, like = view.lead, view.lead.likeness
        shown.add_row(lead.id, f"{lead.at:%Y-%m-%d %H:%M:%S%z}", lead.camera, lead.state,
                      view.own.verdict if view.own else "", f"{like.similarity:.3f} (from {like.threshold:.3f})",
                      f"{like.false_alarms:g}", f"{lead.deadline_at:%Y-%m-%d %H:%M%z}")  # fmt: skip
    if views:
        stdout().print(shown)
    stdout().print(counted(len(views), "lead"))


@app.command()
def show(
    lead: Id,
    by: As,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jpg", help="Write both faces side by side there: the photo, the crop."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a lead. That you have seen it, and its pictures, is written down."""
    from cluster.searching import searching

    with searching(sealed=picture is not None) as stores:
        view = stores.leads.view(lead, by)
        if picture is not None:
            pair = [stores.leads.crop(ref, by) for ref in (view.lead.probe_crop, view.lead.seen_crop)]
            picture.write_bytes(_side_by_side(*pair))
    _tell(view, as_json)


@app.command()
def confirm(lead: Id, by: As, as_json: AsJson = False) -> None:
    """Say: this may be them. Two different people make it confirmed."""
    from cluster.searching import searching

    with searching() as stores:
        view = stores.leads.confirm(lead, by)
    _tell(view, as_json)


@app.command()
def reject(
    lead: Id,
    by: As,
    because: Annotated[
        str,
        typer.Option(
            help="not_this_person (the same look-alike is not asked about again), bad_picture or other."
        ),
    ] = "not_this_person",
    as_json: AsJson = False,
) -> None:
    """Say: this is not them. One person is enough; the crop is deleted at once."""
    from typing import get_args

    from cluster.searching import searching
    from flows.domain.errors import FieldError
    from flows.domain.leads import Reason

    if because not in get_args(Reason):
        raise FieldError("--because", f"one of {', '.join(get_args(Reason))}", repr(because))
    with searching() as stores:
        view = stores.leads.reject(lead, by, because)  # type: ignore[arg-type]
    _tell(view, as_json)


@app.command()
def dispatch(lead: Id, by: As, as_json: AsJson = False) -> None:
    """Send somebody: patrols within the case's alert radius are called. Only after two people have confirmed it."""
    from cluster.searching import searching

    with searching() as stores:
        view = stores.leads.dispatch(lead, by)
        stores.tell_patrols(lead)
    _tell(view, as_json)


def _tell(view: LeadView, as_json: bool) -> None:
    if as_json:
        print_json(_row(view))
        return
    lead, like = view.lead, view.lead.likeness
    stdout().print(
        f"{lead.id}: {lead.state}, case {lead.case}, {lead.camera} at {lead.at:%Y-%m-%d %H:%M:%S%z}"
    )
    stdout().print(
        f"  similarity {like.similarity:.3f} (a lead from {like.threshold:.3f}); of a million other faces "
        f"{like.false_alarms:g} are expected to be as alike to one of the case's {counted(like.gallery, 'photo')}"
    )


def _row(view: LeadView) -> dict[str, Any]:
    values = view.lead.model_dump(mode="json", exclude={"answers", "version"})
    return values | {
        "own": view.own.model_dump(mode="json") if view.own else None,
        "others": [answer.model_dump(mode="json") for answer in view.others],
    }


def _side_by_side(probe: bytes, seen: bytes) -> bytes:
    """The photo and the crop at one height, left and right."""
    import io

    from PIL import Image

    height_px = 400
    both = [Image.open(io.BytesIO(data)).convert("RGB") for data in (probe, seen)]
    both = [each.resize((max(1, round(each.width * height_px / each.height)), height_px)) for each in both]
    sheet = Image.new("RGB", (sum(each.width for each in both) + 10, height_px), "white")
    sheet.paste(both[0], (0, 0))
    sheet.paste(both[1], (both[0].width + 10, 0))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=95)
    return out.getvalue()
