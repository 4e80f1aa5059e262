"""What a model file is, layer by layer or operation by operation, and what the techniques here would take of it.

- values.py: what is found, as plain values that JSON holds; kind.py: a Keras file or a .tflite, by its bytes.
- keras/: the layers of a Keras model. tflite/: the operations and tensors of a .tflite, and the GPU delegate's support.
- errors/: what `--against` does: a file against its float model, and each layer alone.
- page.py, columns.py, text.py: tables on a terminal.
"""
