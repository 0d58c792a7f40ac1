"""A camera's survey as a site file has it, with points that agree."""

from __future__ import annotations

SURVEY = """\
    calibration:
      picture_px: [1280, 720]
      surveyed_on: 2026-09-01
      valid_until: 2027-09-01
      points:
        - [131.05, 676.36, -6.181, 12.030]
        - [1184.05, 670.26, 6.183, 12.052]
        - [658.73, 139.04, 1.532, 73.963]
        - [359.62, 372.85, -6.242, 23.986]
        - [941.88, 385.54, 6.184, 23.011]
        - [478.59, 214.45, -6.205, 44.983]
"""
