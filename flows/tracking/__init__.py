"""Detections to tracks, with real time steps."""

from flows.tracking.config import TrackerConfig
from flows.tracking.tracker import Tracker

__all__ = ["Tracker", "TrackerConfig"]
