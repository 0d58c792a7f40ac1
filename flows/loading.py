"""Models by name: rooms below ``models`` do not know them, and tests bring their own."""

from __future__ import annotations

from importlib import import_module


def made(loader: str, *arguments: object) -> object:
    """What a loader makes.

    Args:
        loader: ``module:function``, or a class.
        arguments: Passed on.

    >>> made("fractions:Fraction", 1, 2)
    Fraction(1, 2)
    """
    module, _, function = loader.partition(":")
    return getattr(import_module(module), function)(*arguments)
