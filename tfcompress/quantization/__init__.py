"""Fewer bits: quantizers/, and the techniques that use them after_training/ or in training/.

kernels.py lays a quantizer on a model's kernels, activations.py on what lies between; clustering.py trains few values.
bit_sensitivity.py measures what bits cost a layer (one_layer.py), bit_allocation.py chooses by it.
"""
