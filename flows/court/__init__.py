"""The package that leaves the house: one zip that whoever trusts nobody can check offline.

A camera's package (:mod:`flows.evidence.package`) lies in the evidence store and never changes.
:mod:`flows.court.export` makes a zip of it with everything that was decided since; :mod:`flows.court.verify` checks
such a zip with nothing but the
zip. The chain of hashes::

    seal.p7s  signs  seal.json  names  manifest.json  names  captured/CAMERA/manifest.json  names  each original
                        |                   |
                        |                   names  facts.json, record.jsonl, frames/*.csv, protocol-*.pdf
                        names  signed/*  (C2PA copies)  and  manifest.tsr  (RFC 3161, over manifest.json)

Originals stay byte for byte as they were hashed at the camera. C2PA changes a file by putting its claim inside; so the
signed pictures and clip are copies beside the originals. A copy's claim names its original's SHA-256, and without
the claim a copy is its original again: byte for byte for JPEG, frame for frame for MP4 (:mod:`flows.court.essence`).

The same footage with the same decisions gives the same bytes of everything that ``manifest.json`` names, and of
``manifest.json`` itself. What differs from export to export: ``signed/*`` (C2PA salts its claims), ``manifest.tsr``
(the authority's own time) and therefore ``seal.json`` and ``seal.p7s``.
"""
