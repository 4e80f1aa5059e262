"""A teacher's answers as targets: distilled.py (a way of fitting), distiller.py (its model), one file a loss.

teacher_cache.py, kept_answers.py and answer_rows.py keep answers on disk; refit.py needs no training.
"""
