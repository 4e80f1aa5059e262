"""Fewer bits: quantizers (affine.py, codebook.py, piecewise_linear.py) and the techniques and files that use them.

A quantizer says values with few levels and knows no model. kernels.py lays one on a model's kernels; clustered.py and
aware.py let a model train with few values, and with int8's rounding; packing.py stores few values in few bits.
"""
