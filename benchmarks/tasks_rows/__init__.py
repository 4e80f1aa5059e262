"""The rows of benchmarks/tasks.py: a file a task, each with its model, its data, and the code that tfcompress needs.

A row's module has TASK and DATA (as the table calls them), EPOCHS of each fine-tuning, `keras` (whose models it makes),
`read(folder, smoke)` for the training and the test split, `trained(train, smoke)` for the float model, and
`compress(model, train, test, techniques, epochs, **how)`: the user's code, between its two marks. It may have WHY: by
step, what explains a verdict that is no "pass".
"""

from __future__ import annotations

ROWS = (
    "segmentation",
    "detection",
    "counting",
    "forecasting",
    "anomalies",
    "slots",
    "sigmoid",
    "two_inputs",
    "several_labels",
)
