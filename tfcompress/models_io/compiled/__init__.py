"""What a model was compiled with, as a task: its loss trains the compressed model, its metrics evaluate it.

- compile_settings.py: loss, metrics and loss weights as `compile` was given them, of a model in memory or in a file.
- compile_outputs.py: which of them belongs to which output, by either Keras's rules.
- compile_losses.py: what a loss says of an output (classes, labels, numbers), and the loss as tf_keras trains with it.
- compiled_task.py: `compiled_task`: the task of all of these.
"""
