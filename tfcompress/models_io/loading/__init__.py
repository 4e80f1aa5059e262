"""Any Keras model in: Keras 3 and Keras 2, from memory, .keras, .h5 or SavedModel, as one functional tf_keras model.

The way of a model, one file a step:

- formats.py and probe.py: what the file is, found out in a child process that may crash in our place.
- ../safe_mode/: code that the file would run, and classes that it would import, refused unless trusted.
- opening.py: the model as its own Keras reads it; custom.py brings a user's own classes.
- tracing.py: models and layers without a graph of their own, traced to one.
- to_tf_keras.py: the graph made anew in tf_keras, call by call: layer_twins.py for layers, operations.py for
  `keras.ops`; both_keras.py sees the graphs of both Keras alike.
- equality.py: both models on the same random input.
- door.py: `load_model`, all of it in order.
"""
