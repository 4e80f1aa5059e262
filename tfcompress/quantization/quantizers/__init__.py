"""Values said with few levels: affine.py, codebook.py, piecewise_linear.py; a quantizer knows no model."""
