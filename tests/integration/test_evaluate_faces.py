"""``dome evaluate faces`` on real photographs."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import app

FACES = Path(__file__).parents[3] / "shared" / "data" / "faces"


@pytest.mark.skipif(not FACES.is_dir(), reason="the photographs are not in ../shared/data/faces")
def test_at_least_95_percent_of_same_pairs_at_no_false_match(tmp_path: Path) -> None:
    command = ["evaluate", "faces", "--pairs", str(FACES / "pairs.csv"), "--images", str(FACES), "--json"]
    done = CliRunner().invoke(app, command, env={"DOME_HOME": str(tmp_path)})
    assert done.exit_code == 0, done.output
    score = json.loads(done.stdout)
    assert score["tpr_at_zero_fpr"] >= 0.95
    assert 0.9 < score["threshold"] < 0.96
    assert (score["fpir"]["hits"], score["fpir"]["of"]) == (1, 16)
    assert (score["fnir"]["hits"], score["fnir"]["of"]) == (2, 16)
