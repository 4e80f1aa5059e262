"""The layers of a Keras model, and what each technique would take of it."""
