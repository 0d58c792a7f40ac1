"""Figures that anyone can measure again: ``make bench`` and ``make bench-accuracy``."""
