"""The Torch-Pruning half of benchmarks/torch_pruning.py; runs in an environment with torch, and prints JSON.

For each line that it reads it prunes once more, and prints a line.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

import torch
import torch_pruning
import torchvision

BUILDERS = {
    "MobileNetV2": torchvision.models.mobilenet_v2,
    "ResNet50": torchvision.models.resnet50,
    "DenseNet121": torchvision.models.densenet121,
}


def count_macs(model: Any, inputs: Any) -> int:
    """Multiply-accumulates of convolutions and linear layers, counted as tfcompress counts them."""
    counts: list[int] = []

    def count(layer: Any, given: Any, output: Any) -> None:
        kernel = layer.weight.numel()
        positions = output.shape[2] * output.shape[3] if output.dim() == 4 else 1
        counts.append(kernel * positions)

    layers = [layer for layer in model.modules() if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def prune(name: str, ratio: float) -> dict[str, Any]:
    """Removes `ratio` of each layer's channels by group magnitude; prints work before and after, and the time."""
    inputs = torch.randn(1, 3, 224, 224)
    model = BUILDERS[name](weights=None).eval()
    head = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    before = count_macs(model, inputs)
    gc.collect()
    started = time.perf_counter()
    pruner = torch_pruning.pruner.BasePruner(
        model,
        inputs,
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=ratio,
        ignored_layers=head,
    )
    pruner.step()
    seconds = time.perf_counter() - started
    return {
        **{"before": before, "after": count_macs(model, inputs), "seconds": seconds},
        **{"torch": torch.__version__, "torch_pruning": torch_pruning.__version__},
    }


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    torch.manual_seed(0)
    for _ in sys.stdin:
        print(json.dumps(prune(sys.argv[1], float(sys.argv[2]))), flush=True)
