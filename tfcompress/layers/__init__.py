"""Keras layers of our own: twins.py (what Keras 3 has and Keras 2 has not), rounded.py, and int8/."""
