"""Fewer weights, on the timetables of schedules.py, and how much each layer can lose (sensitivity.py).

- Zeros in kernels: magnitude.py (tfmot), weights.py (weight_scores.py), regularized.py (loss_terms.py), tree.py.
- Channels that go, and with them their part of the model: channels.py (channel_criteria.py); removal/.
"""
