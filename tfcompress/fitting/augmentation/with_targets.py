"""Images moved together with what says where things are in them: masks, or boxes."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, runtime_checkable

from ...backend.tensorflow import tf
from ...core.errors import expect
from ...core.examples.nests import mapped
from ...core.types import Augmentation


@runtime_checkable
class MovesMasks(Augmentation, Protocol):
    """An augmentation that can do to masks what it does to images (`Flip`, `ShiftedCrop`)."""

    def of_masks(self, masks: Any, key: Any, indices: Any) -> Any:
        """Masks (batch, height, width, 1) moved as the same `key` and `indices` move images."""


@runtime_checkable
class MovesBoxes(Augmentation, Protocol):
    """An augmentation that can do to boxes what it does to images (`Flip`)."""

    def of_boxes(self, boxes: Any, key: Any, indices: Any) -> Any:
        """Boxes (batch, boxes, 4 or more), x0, y0, x1, y1 in shares of the sides, moved as images are."""


@dataclasses.dataclass(frozen=True)
class WithMasks:
    """Moves images and their masks alike: targets (batch, height, width), or with a last axis of 1.

    Args:
      change: what moves them: `Flip` or `ShiftedCrop`.

    Raises:
      InvalidValue: for a change that says nothing of masks, such as `Cutout`.

    >>> from .flip import Flip
    >>> WithMasks(Flip(1.0)).moved_targets(tf.constant([[[1, 2]]]), (0, 0), tf.constant([0])).numpy().tolist()
    [[[2, 1]]]
    """

    change: Augmentation

    def __post_init__(self) -> None:
        moves = isinstance(self.change, MovesMasks)
        expect(moves, self, "change", "must move masks too", "Use Flip() or ShiftedCrop(), or the change without it.")

    def __call__(self, images: Any, key: Any, indices: Any) -> Any:
        """Images as `change` changes them."""
        return self.change(images, key, indices)

    def moved_targets(self, targets: Any, key: Any, indices: Any) -> Any:
        """Masks as `change` moves their images."""
        change: Any = self.change

        def moved(masks: Any) -> Any:
            if len(masks.shape) == 4:
                return change.of_masks(masks, key, indices)
            return tf.squeeze(change.of_masks(masks[..., None], key, indices), -1)

        return mapped(moved, targets)


@dataclasses.dataclass(frozen=True)
class WithBoxes:
    """Moves images and their boxes alike: targets (batch, boxes, 4 or more), x0, y0, x1, y1 in shares of the sides.

    Args:
      change: what moves them: `Flip`.

    Raises:
      InvalidValue: for a change that says nothing of boxes.

    >>> from .flip import Flip
    >>> boxes = tf.constant([[[0.0, 0.0, 0.25, 1.0]]])
    >>> WithBoxes(Flip(1.0)).moved_targets(boxes, (0, 0), tf.constant([0])).numpy().tolist()
    [[[0.75, 0.0, 1.0, 1.0]]]
    """

    change: Augmentation

    def __post_init__(self) -> None:
        moves = isinstance(self.change, MovesBoxes)
        expect(moves, self, "change", "must move boxes too", "Use Flip(), or the change without it.")

    def __call__(self, images: Any, key: Any, indices: Any) -> Any:
        """Images as `change` changes them."""
        return self.change(images, key, indices)

    def moved_targets(self, targets: Any, key: Any, indices: Any) -> Any:
        """Boxes as `change` moves their images; each array of several, as each output has its own."""
        change: Any = self.change
        return mapped(lambda boxes: change.of_boxes(boxes, key, indices), targets)
