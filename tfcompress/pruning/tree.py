"""Tree-structured pruning: a part of the network whose weights are small on the whole goes with all that is in it.

The network is the tree model > layer > filter > kernel slice > weight, with the formulas of tree_nodes.py. What it
cannot do without is protected here: a layer goes whole only where the outputs can be reached without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..core.errors import NothingHappened, expect
from ..core.remarks import remark
from ..core.selection import Selectors, expect_selectors, select
from ..core.types import SPARSITY, Fit, Promise
from ..models_io.copying import copy_model
from .loss_terms import tree_lasso
from .masks.chains import channel_masks
from .masks.prunable import PRUNED_KINDS, PrunableKernel, layers_of, prunable_kernels
from .masks.units import filter_parts
from .schedules import Compounding, ConstantSparsity, PolynomialDecay, sparsity_at
from .tree_nodes import Group, Leaf, groups_of, root_mean_square, threshold_for, thresholds
from .weight_scores import LAYER, LEVELS

if TYPE_CHECKING:
    import numpy as np

GLOBAL, PER_LAYER = "global", "per layer"
TOLERANCE = 1e-6  # of sparsity, which tfmot's schedules give in float32


def still_connected(model: Any, without: Collection[str]) -> bool:
    """Whether every output can be reached from an input on a way that passes none of the layers named in `without`."""
    return all(_reaches_an_input(tensor.node, without) for tensor in model.outputs)


def _reaches_an_input(start: Any, without: Collection[str]) -> bool:
    waiting, seen = [start], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or node.layer.name in without:
            continue
        seen.add(id(node))
        if not node.parent_nodes:
            return True
        waiting.extend(node.parent_nodes)
    return False


@dataclasses.dataclass(frozen=True)
class PruneTree:
    """Zeroes the nodes of the tree of weights that score under a threshold, and removes the filters so emptied.

    model > layer > filter > kernel slice > weight; the score of a node v is ||w_v||_2 / sqrt(|v|), the root mean square
    of the weights below it, and a node whose score is under the threshold goes with all below it. Training goes on with
    the rest. The layers that make the outputs lose slices and weights only; a layer goes whole only where the network
    has a way round it; of every other kernel the largest filter and weight stay.

    With a filter its bias goes, and gamma, beta and depthwise filters that follow it channel by channel. What they
    still gave is lost, which the rest of the training recovers; the removal at the end then changes no output.

    Args:
      final_sparsity: share of all weights in the tree that go, in (0, 1); the threshold is then found anew at each cut.
        A node goes whole or not, so that the nearest share is taken; and what read a removed filter goes with it, so
        that after the removal more is gone. None: `threshold` is given. Defaults to 0.75.
      threshold: the score under which a node goes, above 0. None: it is found. Defaults to None.
      schedule: at which fractions of training is cut, and with `final_sparsity` to which share. Defaults to
        `Compounding(at=(0.25, 0.5))`.
      levels: which kinds of nodes may go, of "layer", "filter", "slice", "weight". Defaults to all.
      tree: nodes of your own between model and layer: names for selectors of layers, or for such mappings again.
        They may go when "layer" may. Defaults to none.
      comparison: "global": scores as they are; "per layer": divided by the root mean square of their kernel, so that
        kernels of different scale compare; layers and nodes above do not go then. Defaults to "global".
      strength: of the tree-structured group lasso, in the loss until the schedule's last share is cut: lambda * sum
        over the nodes of `levels` of sqrt(|v|) ||w_v||_2. 0: no such term. Defaults to 0.
      keep: selectors of layers (core/selection.py) that are not in the tree. Defaults to none.
      remove: whether emptied filters are removed, or stay as zeros. Defaults to True.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> PruneTree(0.9, levels=("filter", "weight"), keep=("logits",)).threshold is None
    True

    References: Kim and Xing, "Tree-guided group lasso for multi-task regression", 2010,
    https://arxiv.org/abs/0909.1373; Wen et al., "Learning structured sparsity in deep neural networks", 2016,
    https://arxiv.org/abs/1608.03665
    """

    takes: ClassVar[Literal["fit"]] = "fit"

    final_sparsity: float | None = 0.75
    threshold: float | None = None
    schedule: PolynomialDecay | ConstantSparsity | Compounding = Compounding(at=(0.25, 0.5))
    levels: tuple[str, ...] = LEVELS
    tree: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    comparison: str = GLOBAL
    strength: float = 0.0
    keep: Selectors = ()
    remove: bool = True

    def __post_init__(self) -> None:
        one = (self.threshold is None) != (self.final_sparsity is None)
        fix = "Use PruneTree(final_sparsity=None, threshold=0.01)."
        expect(one, self, "threshold", "must be given without final_sparsity, and only then", fix)
        if self.final_sparsity is not None:
            expect(0 < self.final_sparsity < 1, self, "final_sparsity", "must be in (0, 1)", "Use 0.75.")
        if self.threshold is not None:
            expect(self.threshold > 0, self, "threshold", "must be above 0", "Use 0.01.")
        known = set(self.levels) <= set(LEVELS) and len(self.levels) > 0 and not isinstance(self.levels, str)
        expect(known, self, "levels", f"must be some of {LEVELS}", "Use ('filter', 'weight').")
        ways = (GLOBAL, PER_LAYER)
        expect(self.comparison in ways, self, "comparison", f"must be one of {ways}", f"Use {GLOBAL!r}.")
        expect(self.strength >= 0, self, "strength", "must be at least 0", "Use 0.0 for no term.")
        expect_selectors(self, "keep")

    @property
    def makes(self) -> frozenset[str]:
        """Zeros."""
        return frozenset({SPARSITY})

    @property
    def keeps(self) -> frozenset[str]:
        """Zeros: those that come in stay."""
        return frozenset({SPARSITY})

    def promises(self, model: Any) -> tuple[Promise, ...]:
        """Zeros, without a number for any one kernel: the scores choose where they are."""
        return (Promise(SPARSITY, 0.0, tuple(self._prunable(model))),)

    def apply(self, model: Any, fit: Fit) -> Any:
        """Gives a plain model with fewer filters, and zeros in the rest, trained by `fit`.

        Raises:
          InvalidValue: when `final_sparsity` is more than the tree can give, and for a selector that matches no layer.
          UnsupportedModel: when the model has no kernel, or is quantization-aware.
          NothingHappened: when no node scored under the threshold, or the schedule did not fire.
        """
        from ..backend.tensorflow import tf
        from .masks.finalize import finish
        from .masks.masking import Masking  # Keras classes: only now is TensorFlow needed
        from .tree_drawing import pruned_tree

        trained = copy_model(model)
        found = self._prunable(trained)
        final = self.final_sparsity or 0.5  # with a threshold the schedule says when, and not how much
        schedule = self.schedule.over(fit.steps, final)
        strength = tf.Variable(self.strength, trainable=False, dtype=tf.float32)
        if self.strength > 0:
            trained.add_loss(
                lambda: (
                    strength
                    * sum(
                        tree_lasso(prunable.variable, self.levels, prunable.output_axis) for prunable in found.values()
                    )
                )
            )
        cuts: list[float] = []
        parts = {id(variable): variable for prunable in found.values() for variable, _ in filter_parts(prunable)}

        def choose(step: int, _: Any) -> dict[int, np.ndarray] | None:
            share = sparsity_at(schedule, step)
            if share == 0:
                return None
            cuts.append(share)
            if share > final - TOLERANCE:
                strength.assign(0.0)
            return _with_followers(found, self._masks(trained, found, self.final_sparsity and share))

        masking = Masking(parts, choose)
        before = sum(int((prunable.variable.numpy() == 0).sum()) for prunable in found.values())
        fit(trained, callbacks=[masking])
        after = sum(int((prunable.variable.numpy() == 0).sum()) for prunable in found.values())
        if after <= before:
            lowest = min(float(values.min()) for values in self._thresholds(trained, found).values())
            raise NothingHappened(
                f"PruneTree expects nodes under the threshold. Received: none in {fit.steps} steps with {len(cuts)} "
                f"cuts; the lowest score is {lowest:.3g}. Raise threshold or final_sparsity, or train longer."
            )
        try:
            pruned = finish(trained, fit, self.remove)
        except NothingHappened:  # no filter is empty; there are zeros
            pruned = finish(trained, fit, remove=False)
        remark(f"What went, as a tree:\n{pruned_tree(model, pruned, self.tree).draw()}")
        return pruned

    def _prunable(self, model: Any) -> dict[str, PrunableKernel]:
        """The kernels in the tree, by name."""
        every = prunable_kernels(model, type(self).__name__)
        kept = select(layers_of(every), self.keep, "PruneTree.keep", "layers with kernels")
        return {
            name: prunable
            for name, prunable in every.items()
            if prunable.kind in PRUNED_KINDS and prunable.layer.name not in kept
        }

    def _masks(self, model: Any, found: Mapping[str, PrunableKernel], wanted: float | None) -> dict[str, np.ndarray]:
        """What is kept of each kernel at a cut to the share `wanted`, or at the threshold that was given."""
        least = self._thresholds(model, found)
        limit = self.threshold if wanted is None else threshold_for(least, wanted)
        return {name: values >= limit for name, values in least.items()}

    def _thresholds(self, model: Any, found: Mapping[str, PrunableKernel]) -> dict[str, np.ndarray]:
        leaves = {name: self._leaf(prunable) for name, prunable in found.items()}
        groups = groups_of(self.tree, {name: prunable.layer for name, prunable in found.items()})
        levels = self.levels if self.comparison == GLOBAL else tuple(set(self.levels) - {LAYER})
        return thresholds(leaves, levels, groups, _alive(model, found, leaves, groups))

    def _leaf(self, prunable: PrunableKernel) -> Leaf:
        values = prunable.variable.numpy()
        if self.comparison == PER_LAYER:
            values = values / max(float(root_mean_square(values).max()), 1e-12)
        return Leaf(values, prunable.output_axis, prunable.has_filters, prunable.makes_output)


def _alive(
    model: Any, found: Mapping[str, PrunableKernel], leaves: Mapping[str, Leaf], groups: list[Group]
) -> set[str]:
    """Kernels that must not be emptied: going from the lowest score up, those that the network has no way round."""
    gone: set[str] = set()
    order = sorted(found, key=lambda name: float(root_mean_square(leaves[name].values).max()))
    for name in order:
        if still_connected(model, gone | {found[name].layer.name}):
            gone.add(found[name].layer.name)
    return {name for name, prunable in found.items() if prunable.layer.name not in gone}


def _with_followers(found: Mapping[str, PrunableKernel], masks: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
    """The masks of kernels, and of all that goes with the filters that are empty, by the id of the variable."""
    by_variable = {id(found[name].variable): mask for name, mask in masks.items()}
    for name, mask in masks.items():
        prunable = found[name]
        if prunable.may_lose_filters:
            axis = prunable.output_axis % mask.ndim
            filled: Any = mask.any(axis=tuple(number for number in range(mask.ndim) if number != axis))
            for variable, part in channel_masks(filled, filter_parts(prunable)):
                known = by_variable.get(id(variable))
                by_variable[id(variable)] = part if known is None else known & part
    return by_variable
