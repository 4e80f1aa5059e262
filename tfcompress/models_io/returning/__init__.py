"""A compressed tf_keras model out again, as the Keras 3 model that the user works with.

- keras3_model.py: `to_keras3`, all of it in order: the graph made anew, compared with the tf_keras model.
- keras3_graph.py: the graph made anew in Keras 3, call by call: keras3_layers.py for layers, keras3_operations.py for
  TensorFlow's operations.
- interface.py: what the original calls its inputs and outputs, in memory or in its file.

The graph is replayed, as on the way in. To edit the configuration of the original instead would not do: channels are
removed, layers folded, nested models flattened, and whatever else a technique has done to the graph is in the tf_keras
model alone. The original only says what its inputs and outputs are called.
"""
