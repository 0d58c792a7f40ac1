"""Traffic lights: read in the picture or told by a controller, and what they show over time."""

from flows.domain.events import SIGNAL_CHANGED
from flows.signals.book import SignalBook

__all__ = ["SIGNAL_CHANGED", "SignalBook"]
