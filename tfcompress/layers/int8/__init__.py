"""What quantization-aware training has beyond tfmot: layers whose insides are int8, and kernels that keep their zeros.

aware.py is what such layers share, all_layers.py their list; preserving.py is about tfmot's own wrappers.
"""
