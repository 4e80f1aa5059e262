"""The run folder: who works in it (lock.py), what is in it (seals.py, manifest.py), and is it whole (whole.py)."""
