"""Better int8 without training: folding, equalization, bias correction and adaptive rounding, layer by layer."""
