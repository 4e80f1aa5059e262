"""What a model file is, layer by layer or operation by operation, and what the techniques here would take of it.

- `values.py`: what is told, as plain values that JSON holds.
- `keras_model.py`: the layers of a Keras model; `pruning.py`, `qat.py`, `layerwise.py`: what would be taken.
- `tflite_file.py`: the operations and tensors of a .tflite; `operation.py`: their multiply-accumulates and arithmetic;
  `metadata.py`: what the file says of itself.
- `reading.py`: the child process in which a .tflite is read, since a damaged one can make its reader run forever.
- `gpu.py`: the real GPU delegate, asked.
- `kind.py`: a Keras file or a .tflite, by its bytes.
- `comparison.py`: what --against and its options mean; `measured_on.py`: the examples.
- `file_tensors.py`: what a .tflite computes on its way, in a child process; `float_tensors.py`: the layers beside it;
  `against.py`: both, and each layer alone; `error_values.py`, `error_table.py`: what is told of it.
- `keras_table.py`, `tflite_table.py`: all of it on a terminal, with `page.py`, `columns.py` and `text.py`.
"""
