"""``dome scene``: renders a scene with its truth, to try things on where the answer is known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.shell import BAD_INPUT, counted, stderr, stdout

if TYPE_CHECKING:
    from flows.scenes.truth import SceneTruth


def scene(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The kind of scene; see --list.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.mp4", help="The video to write (H.264).")] = None,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="The truth to write: boxes, tracks, speeds, events."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Everything random follows from it; same seed, same scene.")
    ] = 0,
    duration: Annotated[float | None, typer.Option(metavar="S", help="Length in seconds.")] = None,
    site: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Also write a site file that is ready to run.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-o", metavar="KEY=VALUE", help="Any other option of scenes, such as light=dusk."
        ),
    ] = None,
    list_kinds: Annotated[bool, typer.Option("--list", help="List the kinds of scenes.")] = False,
) -> None:
    """Render a scene, of a street or a station hall, with its exact truth beside it.

    NAME, --out and --truth are needed. A wrong --option names all that there are.
    """
    from cluster.outputs import check_outputs
    from flows import scenes
    from flows.domain.errors import FieldError

    if list_kinds:
        for kind in scenes.names():
            stdout().print(f"[bold]{kind:10}[/] {scenes.about(kind)}", soft_wrap=True)
        return
    if name is None or out is None or truth is None:
        stderr().print("dome scene needs NAME, --out FILE.mp4 and --truth FILE.json (dome scene --list)")
        raise typer.Exit(BAD_INPUT)
    options = parse_options(option or [])
    if duration is not None:
        options["duration_s"] = duration
    built = _build(name, seed, options)
    check_outputs({"--out": out, "--truth": truth, "--site": site})
    if out.suffix.lower() not in (".mp4", ".mkv"):
        raise FieldError("--out", "an .mp4 or .mkv file", out)
    made = _render(built, out, truth)
    if site is not None:
        _write_site(site, name, seed, out, made)
    _tell(made, out, site)


def _build(name: str, seed: int, options: dict[str, Any]) -> Any:
    from flows import scenes
    from flows.domain.errors import FieldError
    from flows.site.validation import did_you_mean

    if name not in scenes.names():
        known = list(scenes.names())
        raise FieldError("NAME", f"one of {', '.join(known)}", repr(name), did_you_mean(name, known))
    return scenes.build(name, seed=seed, **options)


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """``light=dusk`` and ``speed_range_kmh=50,90`` as keyword arguments.

    Raises:
        FieldError: If a pair has no ``=``.
    """
    from flows.domain.errors import FieldError

    out: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise FieldError("--option", "KEY=VALUE", repr(pair))
        parts = [_number(part) for part in value.split(",")]
        out[key] = parts[0] if len(parts) == 1 else tuple(parts)
    return out


def _number(text: str) -> float | int | bool | str:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _render(scene: Any, out: Path, truth: Path) -> SceneTruth:
    from rich.progress import Progress

    from flows.scenes.clip import write

    with Progress(console=stderr(), transient=True) as bar:
        task = bar.add_task("rendering", total=None)
        made: SceneTruth = write(scene, out, truth, on_frame=lambda *_: bar.advance(task))
    return made


def _write_site(path: Path, name: str, seed: int, clip: Path, truth: SceneTruth) -> None:
    from cluster.sitewriter import ClipCamera, Road, write_site

    slug = re.sub(r"[^a-z0-9_-]", "-", f"{name}-{seed}".lower())
    camera = ClipCamera(
        slug,
        f"rendered {name}, seed {seed}",
        clip,
        truth.started_at,
        truth.calibration,
        truth.limit_kmh,
        Road.of(truth),
        truth.rules,
    )
    write_site(path, slug, [camera])


def _tell(truth: SceneTruth, out: Path, site: Path | None) -> None:
    console = stderr()
    console.print(
        f"{out}: {len(truth.frames)} frames, {truth.width_px}x{truth.height_px} at {truth.fps:g} fps, "
        f"{counted(len(truth.events), 'event')} to find",
        soft_wrap=True,
    )
    if site is not None:
        console.print(f"try: dome run {site} --until-end --events events.jsonl", soft_wrap=True)
