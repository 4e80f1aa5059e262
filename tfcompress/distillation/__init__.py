"""A teacher's answers as targets: distilled.py (a way of fitting), distiller.py (its Keras model), and one file a loss."""
