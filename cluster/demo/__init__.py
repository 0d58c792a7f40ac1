"""``dome demo``: rendered cameras whose truth is known, through the whole of Digital Dome, and what came out.

The clips are rendered once and kept; on a machine without OpenGL those in ``clips/`` serve, where the package
carries them.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.settings import Settings

if TYPE_CHECKING:
    from cluster.demo.report import Outcome

JURISDICTION: Final = "kz"
"""The law of the demo's site (:func:`cluster.sitewriter.site_text`)."""
NOT_KEPT: Final = ("DOME_EVIDENCE", "DOME_SPOOL", "DOME_AUDIT", "DOME_REDIS_URL")
"""What is the demo's own: its case and its leads belong in no installation that people work with."""


def run_demo(folder: Path, detector: str = "embedded", *, progress: bool = True) -> Outcome:
    """Renders, runs, compares, and prints the result.

    Args:
        folder: Where the demo keeps its files; its ``home`` in there is made afresh each time.
        detector: The detector of its cameras.
        progress: Show what goes on, on stderr.

    Raises:
        DomeError: If the clips cannot be had or the live job cannot start.
    """
    from cluster.cli.shell import stderr, stdout
    from cluster.demo import citizen, clips, exempt, report, search
    from cluster.demo.cameras import CAMERAS
    from cluster.demo.today import last_daylight
    from cluster.sitewriter import write_site
    from flows.jurisdiction import load_profile

    console = stderr()
    console.print("[bold]1/3[/] the cameras: three streets and a station, rendered with their truth")
    cache = Settings.from_env().cache
    taken_at = last_daylight(datetime.now(UTC))
    found = clips.prepare(CAMERAS, cache / "demo", console if progress else None, taken_at)
    site = folder / "site.yaml"
    write_site(site, "demo", [clip.site_camera(detector) for clip in found])
    settings = _own_home(folder / "home", cache)
    exempt.put_in_force(exempt.demo_list(found), folder / "exemptions.yaml", settings)
    case = search.open_case(found, JURISDICTION, settings)
    console.print(
        f"    case {case.id}: a missing person, asked for by {search.REQUESTER}, authorised by {search.AUTHORISER}, "
        f"on {', '.join(case.cameras)} alone",
        highlight=False,
    )
    console.print(f"[bold]2/3[/] the live job on {site}: Ray, Redis, Serve, one actor a camera")
    _run_site(site, folder, settings, progress=progress)
    console.print("[bold]3/3[/] what came out, against the truth\n")
    tolerance_kmh = load_profile(JURISDICTION).law("speeding").tolerance_kmh
    became = exempt.states(report.violations_of(folder), settings)
    filed = citizen.file_report(report.violations_of(folder), settings)
    searched = case, search.leads_of(case, settings)
    outcome = report.compare(found, folder, Path(settings.evidence), tolerance_kmh, became, searched)
    report.show(outcome, stdout(), site)
    if filed is not None:
        stdout().print("[bold]report[/]    a citizen sent a clip of it as well: the console's Reports has it")
    return outcome


def _own_home(home: Path, cache: Path) -> Settings:
    """A home that holds nothing from earlier runs, so that everything counted is this run's."""
    shutil.rmtree(home, ignore_errors=True)
    return _settings(home, cache)


def home_of(folder: Path) -> Settings:
    """Where the demo in that folder has kept its results."""
    return _settings(folder / "home", Settings.from_env().cache)


def _settings(home: Path, cache: Path) -> Settings:
    from cluster.demo.search import vault_key

    kept = {k: v for k, v in os.environ.items() if k not in NOT_KEPT}
    own = {"DOME_HOME": str(home), "DOME_CACHE": str(cache), "DOME_PROBE_KEY": vault_key(home)}
    return Settings.from_env(kept | own)


def _run_site(site: Path, folder: Path, settings: Settings, *, progress: bool) -> None:
    """The same job as ``dome run``."""
    from cluster.cli.run import run_live_with_progress
    from cluster.live import LiveOptions
    from flows.site.sitefile import load_site

    config, _ = load_site(site, strict=True)
    options = LiveOptions(
        until_end=True,
        events=folder / "events.jsonl",
        summary=folder / "summary.json",
        settings=settings,
    )
    run_live_with_progress(config, [], options, progress=progress)
