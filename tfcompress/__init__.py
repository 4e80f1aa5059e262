"""tfcompress makes Keras models small and fast, and evaluates the exported files on CPU and GPU delegates.

The way of the data, one module a step:

- `Data` (`Digits`, `Cifar10`, `ImageFolder`, `Tfds`, `dataset`): what to train and judge on.
- A builder (`simple_cnn`, `resnet`) or a model of your own: a functional tf_keras model that gives logits.
- A `Fit`: how to train. `KerasFit` is `compile` and `fit`; `distilled(fit, teacher)` is the same under a teacher.
- A technique (`Train`, `PruneLowMagnitude`, `QuantizeAware`): `apply(model, fit)` gives the changed model; one that
  trains nothing (`FoldBatchNorm`, `QuantizeKernels`) takes no fit.
- An exporter (`Float32`, `Float16`, `DynamicRange`, `Int8`): `convert(model, data, path)` writes a .tflite.
- A check (`CpuXnnpack`, `CpuBuiltin`, `CpuReference`, `CpuCompiledModel`, `GpuDelegate`):
  `run(artifact, data, against)` gives a `Finding`.
- A `Recipe` of `Stage`s puts these in order; `tfcompress recipe NAME` runs one and writes a report.

Names are loaded when first used: importing tfcompress imports neither TensorFlow nor NumPy.

>>> import tfcompress as tfc
>>> tfc.PruneLowMagnitude(final_sparsity=0.5).final_sparsity
0.5
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. A room of many rules has a name of its own, as in Keras: `tfc.criteria.L1`.
_HOMES = {
    "api": "compress Compressed search",
    "tuning": "compression_hypermodel",
    "advising.advisor": "advise",
    "core.examples.source": "Source Split Stream",
    "core.types": "Advice Agreement Artifact CalibratedTransform Check Data Exporter Finding Fit Latency Promise "
    "Recipe Stage Technique TrainedTransform Transform",
    "core.tasks.task": "Task Metric Tolerance",
    "core.tasks.presets": "Classification Segmentation Regression Reconstruction ByOutput",
    "core.settings": "Settings setting",
    "core.remarks": "remark",
    "core.examples.notes": "Notes TensorNotes",
    "core.errors": "TfcompressError InvalidValue UnsupportedModel UnreadableModel NothingHappened "
    "NoBetterThanChance ConversionFailed DataUnavailable",
    "searching.space": "between one_of",
    "searching.budget": "Budget",
    "searching.found.outcome": "Outcome",
    "data.splits.splitting": "HeldOut",
    "measuring.measure": "Measurement measure",
    "data.dataset": "dataset",
    "data.digits": "Digits",
    "data.cifar10": "Cifar10",
    "data.folder": "ImageFolder",
    "data.tfds": "Tfds",
    "data.text.text_table": "TextTable",
    "data.text.tfds_texts": "TfdsTexts",
    "data.text.tagged_texts": "TaggedTexts",
    "data.series.forecasts": "Forecasts",
    "data.series.anomalies": "Anomalies",
    "data.vision.segmentation_folder": "SegmentationFolder",
    "data.vision.detection_folder": "DetectionFolder",
    "data.vision.detection_task": "Detection",
    "data.vision.anchors": "Anchors",
    "data.vision.decoding": "decode_detections Detections",
    "data.audio.log_mel": "LogMel",
    "data.audio.audio_folder": "AudioFolder",
    "data.audio.spoken_digits": "SpokenDigits",
    "data.audio.speech_commands": "SpeechCommands",
    "models.simple_cnn": "simple_cnn",
    "models.fast_resnet": "fast_resnet",
    "models.resnet": "resnet",
    "models.mobile_cnn": "mobile_cnn",
    "models.ds_cnn": "ds_cnn",
    "models.speech_sequences": "speech_conv1d speech_gru",
    "models.u_net": "u_net",
    "models.ssd": "ssd",
    "models.suppression": "with_suppression",
    "models.text_cnn": "text_cnn text_tagger",
    "models.series_cnn": "series_cnn autoencoder",
    "models.text_transformer": "text_transformer",
    "models.lookup": "split_lookup",
    "models_io.compiled.compiled_task": "compiled_task",
    "models_io.loading.door": "load_model load_with_report LoadReport",
    "models_io.loading.custom": "custom_objects_from",
    "models_io.loading.model_file": "ModelFile",
    "models_io.saving": "save_model",
    "models_io.returning.keras3_model": "to_keras3",
    "models_io.packing": "save_packed load_packed",
    "models_io.pretrained": "Pretrained pretrained_models",
    "fitting": "KerasFit Train StepDecay CosineDecay OneCycle",
    "fitting.function": "fit",
    "fitting.evaluate_only": "Unchanged EvaluateOnly",
    "fitting.augmentation.flip": "Flip",
    "fitting.augmentation.shifted_crop": "ShiftedCrop",
    "fitting.augmentation.cutout": "Cutout",
    "fitting.augmentation.mixup": "Mixup",
    "fitting.augmentation.with_targets": "WithMasks WithBoxes",
    "fitting.augmentation.time_shift": "TimeShift",
    "fitting.augmentation.spec_augment": "SpecAugment",
    "fitting.augmentation.mel_stretch": "MelStretch",
    "fitting.augmentation.word_dropout": "WordDropout",
    "fitting.augmentation.background_noise": "BackgroundNoise",
    "pruning.magnitude": "PruneLowMagnitude",
    "pruning.channels": "PruneChannels",
    "pruning.removal.budgets": "MacsTarget ParametersTarget FileBytesTarget LatencyTarget",
    "pruning.removal.removal": "remove_channels remove_empty",
    "pruning.schedules": "PolynomialDecay ConstantSparsity Compounding",
    "pruning.weights": "PruneWeights",
    "pruning.regularized": "Regularized",
    "pruning.tree": "PruneTree",
    "pruning.tree_drawing": "pruned_tree Branch",
    "pruning.sensitivity": "scan Sensitivity",
    "quantization.kernels": "QuantizeKernels",
    "quantization.activations": "QuantizeActivations",
    "quantization.clustering": "Cluster",
    "quantization.bit_sensitivity": "quantization_scan QuantizationSensitivity",
    "quantization.bit_allocation": "allocate_bits BitAllocation",
    "quantization.quantizers.quantizer": "Quantizer QuantizationError",
    "quantization.quantizers.affine": "Affine",
    "quantization.quantizers.codebook": "Codebook",
    "quantization.quantizers.piecewise_linear": "PiecewiseLinear",
    "quantization.training.aware": "QuantizeAware",
    "quantization.after_training.folding": "FoldBatchNorm",
    "quantization.after_training.equalization": "Equalize",
    "quantization.after_training.bias_correction": "CorrectBias",
    "quantization.after_training.adaptive_rounding": "AdaptiveRounding",
    "distillation.distilled": "distilled DistilledFit",
    "distillation.distiller": "Distiller",
    "distillation.losses.outputs": "SoftTargets",
    "distillation.refit": "Refit reconstruct",
    "distillation.teacher_cache.cache": "TeacherCache",
    "export.float32": "Float32",
    "export.float16": "Float16",
    "export.dynamic_range": "DynamicRange",
    "export.int8": "Int8",
    "export.metadata.with_metadata": "WithMetadata",
    "export.apps.for_app": "ForApp",
    "export.apps.in_form": "InForm",
    "export.sparse": "Smallest",
    "export.int16x8": "Int16x8",
    "export.mixed_precision": "MixedPrecision",
    "delegates.cpu": "CpuXnnpack CpuBuiltin CpuReference CpuCompiledModel",
    "delegates.gpu": "GpuDelegate",
    "delegates.boards.microcontroller": "Microcontroller",
    "delegates.boards.vela": "Vela",
    "delegates.boards.for_target": "ForTarget",
    "measuring.targets.target": "Target",
}
_GROUPS = {
    "criteria": "pruning.channel_criteria",
    "scores": "pruning.weight_scores",
    "regularizers": "pruning.loss_terms",
    "losses": "distillation.losses",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted([*_HOME_OF, *_GROUPS])


def __getattr__(name: str) -> Any:
    if name in _GROUPS:
        return importlib.import_module(f".{_GROUPS[name]}", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module 'tfcompress' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
