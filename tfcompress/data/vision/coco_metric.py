"""Mean average precision as COCO measures it, by pycocotools."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .anchors import Anchors
from .decoding import Detections, decode_detections

if TYPE_CHECKING:
    import numpy as np

_UNIT = 1000.0  # pycocotools asks for pixels; overlaps are the same in any unit
LEAST_SCORE, MOST = 0.02, 100  # of what is looked at: the whole curve of precision over recall is wanted


@dataclasses.dataclass(frozen=True)
class MeanAveragePrecision:
    """The area under precision over recall, the mean over the classes that occur, and over the overlaps asked for.

    Args:
      anchors: of the network.
      overlaps: intersections over union from which on a box counts as found.
    """

    anchors: Anchors
    overlaps: tuple[float, ...] = (0.5,)

    def __call__(self, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> float:
        """In [0, 1], of `boxes` (rows of x0, y0, x1, y1, class, weight) and the outputs `boxes` and `scores`."""
        found = decode_detections(outputs["boxes"], outputs["scores"], self.anchors, LEAST_SCORE, most=MOST)
        return average_precision(targets["boxes"], found, outputs["scores"].shape[-1], self.overlaps)


def average_precision(
    rows: np.ndarray, found: Sequence[Detections], num_classes: int, overlaps: Sequence[float] = (0.5,)
) -> float:
    """mAP over all images; NaN where no image has a box.

    Args:
      rows: (N, boxes, 6): x0, y0, x1, y1 in shares of the sides; class, -1 for a row that is empty; weight, 0 for an
        object that need not be found, as VOC's difficult ones and COCO's crowds.
      found: of each image.
      num_classes: how many there are.
      overlaps: intersections over union from which on a box counts as found.
    """
    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, given = _truth(rows), _given(found)
    about = {"images": [{"id": number} for number in range(len(rows))]}
    about["categories"] = [{"id": number} for number in range(num_classes)]
    with contextlib.redirect_stdout(io.StringIO()):  # it tells what it does, line by line
        sides = COCO(), COCO()
        for side, boxes in zip(sides, (truth, given), strict=True):
            side.dataset = {**about, "annotations": boxes}
            side.createIndex()
        judge = COCOeval(*sides, "bbox")
        judge.params.iouThrs = np.array(overlaps)
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [MOST]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"]  # by overlap, recall, class, area, number; -1 for a class that does not occur
    return float(precision[precision > -1].mean()) if (precision > -1).any() else float("nan")


def _truth(rows: np.ndarray) -> list[dict[str, Any]]:
    boxes = ((picture, row) for picture, of_one in enumerate(rows) for row in of_one if row[4] >= 0)
    return [
        {**_box(number, picture, row[:4], row[4]), "iscrowd": int(row[5] == 0)}
        for number, (picture, row) in enumerate(boxes, start=1)  # pycocotools takes 0 for none
    ]


def _given(found: Sequence[Detections]) -> list[dict[str, Any]]:
    boxes = (
        (picture, *each)
        for picture, of_one in enumerate(found)
        for each in zip(of_one.boxes, of_one.classes, of_one.scores, strict=True)
    )
    return [
        {**_box(number, picture, corners, label), "iscrowd": 0, "score": float(score)}
        for number, (picture, corners, label, score) in enumerate(boxes, start=1)
    ]


def _box(number: int, picture: int, corners: Any, label: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(side) * _UNIT for side in corners)
    width, height = x1 - x0, y1 - y0
    about = {"id": number, "image_id": picture, "category_id": int(label)}
    return {**about, "bbox": [x0, y0, width, height], "area": width * height}
