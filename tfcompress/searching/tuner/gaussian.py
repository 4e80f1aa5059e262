"""keras-tuner's Bayesian oracle with a bound on what a proposal costs."""

from __future__ import annotations

from typing import Any

MOST_FITTED = 200  # trials; a Gaussian process of n trials costs n cubed, and keras-tuner fits one for each proposal


def bounded(oracle: type[Any], most: int = MOST_FITTED) -> type[Any]:
    """A class of `oracle`, keras-tuner's BayesianOptimizationOracle, that fits no more than `most` trials.

    They are the better half of them by score, and the latest of the rest, those at work among them. Up to `most` trials
    it proposes what `oracle` does.

    >>> class Oracle:
    ...     def _vectorize_trials(self):
    ...         import numpy as np
    ...         return np.arange(6)[:, None], np.array([0.1, 0.9, 0.8, 0.2, 0.7, 0.6])
    >>> bounded(Oracle, most=4)()._vectorize_trials()[1]
    array([0.1, 0.2, 0.7, 0.6])
    """

    class Bounded(oracle):  # type: ignore[misc]
        """Fits some of the trials."""

        def _vectorize_trials(self) -> tuple[Any, Any]:  # 1.4.8: the inputs and scores that are fitted
            import numpy as np

            inputs, scores = super()._vectorize_trials()
            if len(scores) <= most:
                return inputs, scores
            best = np.argsort(scores, kind="stable")[: most // 2]
            rest = np.setdiff1d(np.arange(len(scores)), best)[-(most - len(best)) :]
            kept = np.sort(np.concatenate([best, rest]))
            return inputs[kept], scores[kept]

    return Bounded
