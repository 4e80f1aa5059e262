"""How a training with masks ends: a plain model, its batch statistics estimated anew, and without empty channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.contracts import data_in
from ...core.examples.nests import leaves
from ...core.types import Data, Fit
from ...data.sampling import sampled_batches
from ...measuring.outputs import taken_by
from ...models_io.copying import copy_model
from ..loss_gradients import BATCH_SIZE
from ..removal.batch_statistics import estimate_batch_statistics
from ..removal.removal import remove_empty

NUM_EXAMPLES = 1024


def finish(trained: Any, fit: Fit, remove: bool) -> Any:
    """A plain copy of `trained`, without the terms of its loss; with `remove` without its empty channels.

    Moving averages lag a cut by some hundred steps, more than a short training has left; so statistics of batch
    normalisation are taken anew from examples of the training split, where `fit` says what it trains on.

    Raises:
      NothingHappened: with `remove`, when no channel is empty.
    """
    plain = copy_model(trained)
    data = data_in(fit)
    if data is not None:
        estimate_batch_statistics(plain, _whole_batches(plain, data))
    return remove_empty(plain) if remove else plain


def _whole_batches(model: Any, data: Data) -> Iterator[Any]:
    """Inputs without the rest, whose statistics would count as much as those of a whole batch."""
    for number, (stored, _) in enumerate(sampled_batches(data, NUM_EXAMPLES, BATCH_SIZE)):
        if number == 0 or len(leaves(stored)[0]) == BATCH_SIZE:
            yield taken_by(model, data, stored)
