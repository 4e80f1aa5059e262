"""The task of an SSD network: losses of its two outputs, and mean average precision."""

from __future__ import annotations

import dataclasses

from ...core.errors import UnsupportedModel
from ...core.tasks.task import PERCENT, BoundTask, Metric, Output, OutputSpec, Task
from .anchors import Anchors
from .coco_metric import MeanAveragePrecision
from .ssd_losses import BoxLoss, FocalLoss

OVERLAPS = tuple((50 + 5 * number) / 100 for number in range(10))  # of COCO's own figure


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detection(Task):
    """Objects in images by two outputs, `boxes` (N, anchors, 4) and `scores` (N, anchors, classes).

    Boxes are offsets from anchors, scores logits of each class (see `decode_detections`). Both outputs have the same
    targets, rows (N, boxes, 6): x0, y0, x1, y1 in shares of the sides, class (-1: no box), and weight (0: need not be
    found). They stay two outputs, as int8 gives each a scale of its own.

    Args:
      anchors: that the offsets start from.

    >>> task = Detection(anchors=Anchors(((4, 4),), (((0.5, 0.5),),)))
    >>> outputs = (OutputSpec("boxes", (None, 16, 4)), OutputSpec("scores", (None, 16, 3)))
    >>> task.bind(outputs).headline.name
    'mAP@0.5'
    """

    anchors: Anchors

    def bind(self, outputs: tuple[OutputSpec, ...]) -> BoundTask:
        """The task for a model with these outputs. Raises `UnsupportedModel` for any other."""
        found = {spec.name: tuple(spec.shape[1:]) for spec in outputs}
        number = self.anchors.count
        fits = set(found) == {"boxes", "scores"} and found["boxes"] == (number, 4) and found["scores"][:1] == (number,)
        if not fits or len(found["scores"]) != 2:
            listed = ", ".join(f"{name} {shape}" for name, shape in found.items())
            raise UnsupportedModel(
                f"Detection is the task of a model with outputs boxes ({number}, 4) and scores ({number}, classes), as "
                f"there are {number} anchors. Received: {listed}. Use tfc.ssd, or the anchors of this model."
            )
        bound = super().bind(outputs)
        implied = {"boxes": BoxLoss(self.anchors), "scores": FocalLoss(self.anchors)}
        return dataclasses.replace(bound, loss=bound.loss or implied)

    def own_metrics(self, known: tuple[Output, ...], outputs: tuple[OutputSpec, ...]) -> tuple[Metric, ...]:
        """mAP at an overlap of one half, as PASCAL VOC has it, and the mean over 0.5 to 0.95, as COCO has it."""
        return (
            Metric("mAP@0.5", MeanAveragePrecision(self.anchors), unit=PERCENT),
            Metric("mAP@0.5:0.95", MeanAveragePrecision(self.anchors, OVERLAPS), unit=PERCENT),
        )
