"""Fewer weights: zeros in kernels (magnitude.py, on the timetables of schedules.py)."""
