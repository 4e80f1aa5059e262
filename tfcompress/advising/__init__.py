"""What to do next, from what was measured.

- evidence.py: what is known of a model and its file, as plain values; gathering.py measures it.
- causes/: one cause a file, each a function from the evidence to advice, or to nothing.
- advisor.py: all causes in their order. of_runs/: what the figures of a run say beside them.
"""
