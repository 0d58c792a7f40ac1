from __future__ import annotations

from pathlib import Path

from flows.domain.status import ResultsStatus


def test_it_runs_the_site_and_sums_up(dome, site: Path, live, tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"

    result = dome("run", site, "--until-end", "--events", events, "--detector", "yolox-nano")

    assert result.exit_code == 0
    config, problems, options = live.calls[0]
    assert ([c.id for c in config.cameras], problems) == (["good"], [])
    assert (options.until_end, options.events, options.detector) == (True, events, "yolox-nano")
    assert "250" in result.stdout
    assert "2 speeding" in result.stdout


def test_a_bad_camera_is_reported_and_left_out(dome, site: Path, live) -> None:
    site.write_text(site.read_text() + "  - id: bad\n    source: b.mp4\n    latitude: north\n")

    result = dome("run", site)

    assert result.exit_code == 0
    config, problems, _ = live.calls[0]
    assert [c.id for c in config.cameras] == ["good"]
    assert "cameras.bad.latitude" in problems[0]
    assert "warning: cameras.bad.latitude" in result.stderr
    assert "left out: bad" in result.stderr


def test_a_file_that_cannot_be_used_starts_nothing(dome, site: Path, live) -> None:
    site.write_text("cameras: 5\n")

    result = dome("run", site)

    assert result.exit_code == 2
    assert not live.calls
    assert "error: cameras" in result.stderr


def test_a_detector_that_is_none_is_refused_before_anything_starts(dome, site: Path, live) -> None:
    result = dome("run", site, "--detector", "yolox-nono")

    assert (result.exit_code, live.calls) == (2, [])
    assert "did you mean 'yolox-nano'?" in result.stderr


def test_nothing_runs_without_a_good_camera(dome, site: Path, live) -> None:
    site.write_text("site: town\ncameras:\n  - id: bad\n    source: b.mp4\n    latitude: north\n")

    result = dome("run", site)

    assert result.exit_code == 2
    assert not live.calls


def test_when_every_camera_failed_the_status_says_so(dome, site: Path, live) -> None:
    live.state = "failed"

    assert dome("run", site).exit_code == 1


def test_what_happened_is_told_below_the_table(dome, site: Path, live) -> None:
    assert "Redis" not in dome("run", site).stdout

    live.more = {
        "message": "a.mp4: 250 of 400 frames could be read",
        "errors": {"evidence": 2, "size_changed": 1},
    }
    live.results = ResultsStatus(written=2, outages=2, away_s=61.4)
    told = dome("run", site, "--no-progress").stdout

    assert "good: a.mp4: 250 of 400 frames could be read, 2 evidence errors, 1 size_changed errors" in told
    assert "Redis up, 2 written, Redis was away 2 times, 61 s in all" in told


def test_progress_goes_to_stderr_and_can_be_switched_off(dome, site: Path, live) -> None:
    assert "1 ended: 250 frames" in dome("run", site).stderr
    assert "250 frames" not in dome("run", site, "--no-progress").stderr


def section(site: Path) -> None:
    rule = "{kind: section_speed, section: abay, role: entry, gate: g, length_m: 900, limit_kmh: 60}"
    camera = f"  - id: entry\n    source: b.mp4\n    lines: [{{name: g, m: [[0, 0], [1, 0]]}}]\n    rules: [{rule}]\n"
    site.write_text(site.read_text() + camera)


def test_a_section_without_a_key_for_plates_is_told_before_it_runs(
    dome, site: Path, live, monkeypatch
) -> None:
    section(site)
    monkeypatch.delenv("DOME_PLATE_KEY", raising=False)
    said = dome("run", site).stderr
    assert "DOME_PLATE_KEY is not set" in said
    assert "no section speed is ever measured" in said
    monkeypatch.setenv("DOME_PLATE_KEY", "k1:" + "07" * 16)
    assert "DOME_PLATE_KEY" not in dome("run", site).stderr


def test_dome_check_tells_it_too(dome, site: Path, monkeypatch) -> None:
    section(site)
    monkeypatch.delenv("DOME_PLATE_KEY", raising=False)
    assert "DOME_PLATE_KEY is not set" in dome("check", site, "--no-probe").stdout
