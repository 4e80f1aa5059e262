"""Channels out of a model: what each is worth (scoring.py), how many go (greedy.py, budgets.py), what stays without."""
