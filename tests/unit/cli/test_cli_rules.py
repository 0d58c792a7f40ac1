from __future__ import annotations

import re
from pathlib import Path

from cluster.cli.evaluate import app as evaluate


def test_rules_are_listed_with_their_parameters(dome) -> None:
    result = dome("rules")
    assert result.exit_code == 0
    assert "wrong_way Sustained motion against a lane's direction" in result.stdout
    assert "kz: KoAP RK 596(3)" in result.stdout
    assert "10 km/h" in result.stdout


def test_the_readmes_table_is_written_between_its_markers(dome, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- rules -->\n<!-- /rules -->\nafter\n")
    assert dome("rules", "--write", readme).exit_code == 0
    text = readme.read_text()
    assert text.startswith("before\n<!-- rules -->\n| rule |")
    assert text.endswith("<!-- /rules -->\nafter\n")
    assert dome("rules", "--markdown").stdout.strip() in text


def test_a_file_without_markers_is_refused(dome, tmp_path: Path) -> None:
    plain = tmp_path / "plain.md"
    plain.write_text("no table\n")
    result = dome("rules", "--write", plain)
    assert result.exit_code == 2
    assert "<!-- rules -->" in result.stderr
    assert plain.read_text() == "no table\n"


def test_the_readme_names_everything_that_is_evaluated() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    row = re.search(r"`dome evaluate ([^`]*)`", readme)
    assert row is not None
    commands = [c.name or c.callback.__name__ for c in evaluate.registered_commands if c.callback]
    assert sorted(re.findall(r"\w+", row[1])) == sorted(commands)
