"""Fewer weights, on the timetables of schedules.py, and how much each layer can lose (sensitivity.py).

Zeros in kernels: magnitude.py by tfmot, weights.py by scores/, regularized.py by regularizers/, tree.py by nodes.
"""
