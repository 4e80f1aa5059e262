"""A teacher's answers as targets: distilled.py (a way of fitting), distiller.py (its model), one file a loss."""
