"""The rules' bench: scenes in which everybody has company, and what is said of them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from cluster.bench import __main__ as bench
from cluster.bench.rules import CLIPS, HARD_CLIPS, HARD_SEED, Tally, clips, hard_clips, hard_figures


def test_hard_scenes_have_company_of_both_sorts_in_every_light() -> None:
    chosen = hard_clips()
    assert Counter(clip.kind for clip in chosen) == HARD_CLIPS
    assert {clip.company for clip in chosen} == {"abreast", "truck"}
    for kind in HARD_CLIPS:
        mine = [clip for clip in chosen if clip.kind == kind]
        assert {clip.light for clip in mine[:3]} == {"day", "night"}
    assert "rain" in {clip.light for clip in chosen}


def test_hard_scenes_have_seeds_of_their_own() -> None:
    seeds = [clip.seed for clip in hard_clips()]
    assert seeds == list(range(HARD_SEED, HARD_SEED + len(seeds)))
    assert not set(seeds) & {clip.seed for clip in clips(quick=False)}


def test_the_bench_plays_the_scenes_of_which_its_figures_are_told() -> None:
    told = " ".join(Path(bench.__file__).with_name("README.md").read_text(encoding="utf-8").split())
    for kind in CLIPS:
        seeds = [clip.seed for clip in clips(quick=False) if clip.kind == kind]
        assert f"{seeds[0]} to {seeds[-1]}" in told, kind
    again = [clip.seed for clip in clips(False, 1_042_001, 41) if clip.kind == "junction"]
    assert "--kind junction --seed 1042001 --clips 41" in told
    assert f"{again[0]} to {again[-1]}" in told


def test_a_clip_without_wishes_asks_for_none() -> None:
    (clip, *_) = clips(quick=True)
    assert (clip.company, clip.light, clip.lanes) == (None, None, None)


@pytest.mark.parametrize(("false", "met"), [(0, True), (1, False)])
def test_one_companion_accused_is_one_too_many(false: int, met: bool) -> None:
    tally = Tally(tp=20, fp=false, fn=3, negatives=15, accused=false, beside=6, beside_accused=false)
    rows = {row.figure: row for row in hard_figures({"wrong_way": tally}, "truth")}
    assert rows["companions accused"].ok is met
    assert rows["wrong_way: false reports in company"].value == false
    assert rows["all rules in company: precision"].value == pytest.approx(20 / (20 + false))
    assert "20 of 23" in rows["wrong_way: false reports in company"].detail


def test_hard_goes_with_rules_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "plates", "--hard"])
    with pytest.raises(SystemExit):
        bench.main()
    assert "rules --hard" in capsys.readouterr().err
