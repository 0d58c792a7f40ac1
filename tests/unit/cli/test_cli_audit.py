"""``dome audit begin``: Redis came back from a backup, and somebody says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from flows.casework.auditing import Seals
from flows.store import keys
from flows.store.audit import AuditStore
from flows.store.ledger import entry, noted, utc_now


def test_a_log_that_came_back_from_a_backup_is_begun_anew_by_a_person_and_no_other(
    dome, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOME_REDIS_URL", redis_url)
    monkeypatch.setenv("DOME_HOME", str(tmp_path))
    log, client, seals = AuditStore(redis_url), redis.Redis.from_url(redis_url), Seals(tmp_path / "audit")
    held = (keys.AUDIT, keys.AUDIT_HEAD)
    noted(redis_url, entry("asel", "case.created", case="case-1"), "test")
    backup = [client.dump(key) for key in held]
    noted(redis_url, entry("bolat", "case.rejected", case="case-1"), "test")
    seals.write(log, utc_now())
    said = ("audit", "begin", "--as", "dana", "--why", "the disk was lost; Tuesday's backup")
    refused = dome(*said)
    assert refused.exit_code == 1
    assert "need not begin anew" in " ".join(refused.output.split())
    for key, data in zip(held, backup, strict=True):
        client.restore(key, 0, data, replace=True)
    noted(redis_url, entry("asel", "case.viewed", case="case-1"), "test")
    assert "seal 2 begins the log anew, with entries 1 to 3" in " ".join(dome(*said).output.split())
    told = json.loads(dome("audit", "verify", "--json").stdout)
    assert (told["ok"], told["begun"], told["entries"], told["sealed"]) == (True, [2], 3, 3)
    assert "began anew" in dome("audit", "verify").output
    last = list(log.entries())[-1]
    assert (last.who, last.action) == ("dana", "audit.begun")
    assert last.why.startswith("the disk was lost")
    log.close_connections(), client.close()
