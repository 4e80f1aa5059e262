"""A teacher's outputs as targets: distilled.py (a way of fitting), distiller.py (its model), losses/, teacher_cache/.

refit.py needs no training.
"""
