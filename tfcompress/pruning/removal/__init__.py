"""Channels out of a model: which, how many, and what is left.

- scoring.py: what each is worth, by channel_statistics.py where a criterion looks at examples.
- greedy.py: which go, given what they are worth; budgets.py and candidates.py: how many, for a target.
- removal.py: the model without them, made anew by cutting.py, with layer_copies.py where that is possible.
- batch_statistics.py: batch normalization's averages afterwards.
"""
