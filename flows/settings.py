"""Settings of this installation, from the environment, read once by whoever starts a process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from flows.domain.errors import FieldError
from flows.domain.platehash import VARIABLE, PlateHasher

RAYS_COPIES: Final = "working_dir_files"
"""Folder of Ray's copies of working directories (ray/_private/runtime_env/working_dir.py)."""


class Settings(BaseModel):
    """Where this installation keeps things. Picklable: actors get it as an argument.

    Attributes:
        home: ``DOME_HOME``, default ``.dome`` in the working directory; everything below defaults into it.
        redis_url: ``DOME_REDIS_URL``; without it an embedded Redis is started below ``home``.
        evidence: ``DOME_EVIDENCE``: fsspec address of the evidence store.
        spool: ``DOME_SPOOL``: directory of the disk spools.
        cache: ``DOME_CACHE``: rendered scenes, fetched weights.
        weights: ``DOME_WEIGHTS``: directories searched first for model weights (``os.pathsep`` between them).
        spool_events: ``DOME_SPOOL_EVENTS``: most events that one producer keeps on disk.
        plate_key: ``DOME_PLATE_KEY``: keys of plates' hashes, see :mod:`flows.domain.platehash`.
        audit: ``DOME_AUDIT``: folder of the audit log's seals, best on a disk that Redis's machine cannot write to.
        probe_key: ``DOME_PROBE_KEY``: keys of what is biometric, see :mod:`flows.store.vault`.
        faces: ``DOME_FACES``: finder and embedder of face searches, see :mod:`models.faces`.
        c2pa_cert: ``DOME_C2PA_CERT``: PEM file with the certificate that signs packages, and its issuers.
        c2pa_key: ``DOME_C2PA_KEY``: PEM file with its private key; without both, one for development is made.
        tsa_url: ``DOME_TSA_URL``: time-stamp authority (RFC 3161) for packages; none by default.
        tsa_cert: ``DOME_TSA_CERT``: PEM file with the authority's root.
    """

    model_config = ConfigDict(frozen=True)

    home: Path
    redis_url: str | None
    evidence: str
    spool: Path
    cache: Path
    weights: tuple[Path, ...] = ()
    spool_events: int = 100_000
    plate_key: SecretStr = SecretStr("")
    audit: Path = Path(".dome/audit")
    probe_key: SecretStr = SecretStr("")
    faces: str = "dlib"
    c2pa_cert: Path | None = None
    c2pa_key: Path | None = None
    tsa_url: str | None = None
    tsa_cert: Path | None = None

    @property
    def landmarks(self) -> Path:
        """Where the cameras' landmarks are kept, beside the spool."""
        return self.spool.parent / "landmarks"

    def check_lasting(self) -> None:
        """Refuses to keep anything in Ray's copy of the working directory of a submitted job.

        That is a temporary folder, and another one as soon as a single file of the directory has changed.

        Raises:
            FieldError: If something that has to outlast the job lies there.
        """
        evidence = self.evidence if "://" in self.evidence else Path(self.evidence).absolute()
        places = {
            "DOME_HOME": self.home,
            "DOME_EVIDENCE": Path(evidence),
            "DOME_SPOOL": self.spool,
            "DOME_AUDIT": self.audit,
        }
        passing = {name: place for name, place in places.items() if RAYS_COPIES in place.parts}
        if passing:
            raise FieldError(
                ", ".join(passing),
                "a folder that outlasts this job",
                f"one in Ray's copy of its working directory ({next(iter(passing.values()))})",
                """ray job submit --runtime-env-json '{"env_vars": {"DOME_HOME": "/srv/dome"}}', for example""",
            )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Reads the environment.

        Raises:
            FieldError: If a value has the wrong form.
        """
        env = os.environ if env is None else env
        home = Path(env.get("DOME_HOME") or ".dome").absolute()
        events = env.get("DOME_SPOOL_EVENTS", "100000")
        if not events.isdigit() or int(events) == 0:
            raise FieldError("DOME_SPOOL_EVENTS", "a whole number above 0", repr(events))
        return cls(
            home=home,
            redis_url=env.get("DOME_REDIS_URL") or None,
            evidence=env.get("DOME_EVIDENCE") or str(home / "evidence"),
            spool=Path(env.get("DOME_SPOOL") or home / "spool").absolute(),
            cache=Path(env.get("DOME_CACHE") or home / "cache").absolute(),
            weights=tuple(Path(p).absolute() for p in env.get("DOME_WEIGHTS", "").split(os.pathsep) if p),
            spool_events=int(events),
            plate_key=SecretStr(_plate_key(env.get(VARIABLE, ""))),
            audit=Path(env.get("DOME_AUDIT") or home / "audit").absolute(),
            probe_key=SecretStr(env.get("DOME_PROBE_KEY", "")),
            faces=env.get("DOME_FACES") or "dlib",
            c2pa_cert=_path(env.get("DOME_C2PA_CERT")),
            c2pa_key=_path(env.get("DOME_C2PA_KEY")),
            tsa_url=env.get("DOME_TSA_URL") or None,
            tsa_cert=_path(env.get("DOME_TSA_CERT")),
        )


def _path(text: str | None) -> Path | None:
    return Path(text).absolute() if text else None


def _plate_key(text: str) -> str:
    """The value, if it is one: a mistake is told at the start, not at the first plate."""
    PlateHasher.of(text)
    return text
