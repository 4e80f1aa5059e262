"""Quantization-aware training: aware.py, which layers it can take (coverage.py), and by what (own_layers.py)."""
