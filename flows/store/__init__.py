"""Adapters: where results, spools and evidence are kept."""
