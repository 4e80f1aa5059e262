"""The way to TensorFlow: tensorflow.py is its one lazy door, and what surrounds it lies beside.

- calls.py: the one walker of a functional model, of either Keras.
- precision.py, replicas.py: float32 and bfloat16, one device and several.
- native.py: what native code prints; archive.py: files that Keras reads; search_path.py: where Python finds modules.
"""
