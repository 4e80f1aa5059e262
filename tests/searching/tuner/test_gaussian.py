"""What a Gaussian process is fitted to: everything while that is little, and then the best and the latest."""

import numpy as np

from tfcompress.searching.tuner.gaussian import bounded


def fitted(scores, most):
    class Oracle:
        def _vectorize_trials(self):
            return np.arange(len(scores))[:, None] / 10, np.array(scores)

    inputs, kept = bounded(Oracle, most)()._vectorize_trials()
    assert [scores[place] for place in np.round(inputs[:, 0] * 10).astype(int)] == list(kept)  # of the same trials
    return list(kept)


def test_few_trials_are_fitted_whole_and_in_their_order():
    assert fitted([0.5, 0.1, 0.9], 3) == [0.5, 0.1, 0.9]


def test_of_many_the_better_half_and_the_latest_are_fitted():
    assert fitted([0.1, 0.9, 0.8, 0.2, 0.7, 0.6], 4) == [0.1, 0.2, 0.7, 0.6]
    assert fitted([0.9, 0.8, 0.1, 0.2], 2) == [0.1, 0.2]  # the latest one that is not the best already
    assert fitted([0.9, 0.8, 0.7, 0.1, 0.2], 3) == [0.7, 0.1, 0.2]


def test_keras_tuner_asks_by_that_name(tmp_path):
    import importlib.util
    from pathlib import Path

    source = Path(importlib.util.find_spec("keras_tuner").origin).parent / "src" / "tuners" / "bayesian.py"
    assert "x, y = self._vectorize_trials()" in source.read_text()
