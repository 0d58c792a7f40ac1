"""Traffic lights: read in the picture or told by a controller, and what they show over time."""

from flows.signals.book import SIGNAL_CHANGED, SignalBook

__all__ = ["SIGNAL_CHANGED", "SignalBook"]
