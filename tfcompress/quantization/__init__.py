"""Fewer bits: training that knows it will be int8 (aware.py), its ranges found quickly (ranges.py)."""
