"""Detections to tracks, with real time steps; or a device's own tracks taken over."""

from flows.tracking.config import TrackerConfig
from flows.tracking.reported import ReportedTracks
from flows.tracking.tracker import Tracker

__all__ = ["ReportedTracks", "Tracker", "TrackerConfig"]
