# Written by scripts/stubs from the table in __init__.py: change the table, and run the script.

from .advising.advisor import advise
from .api import Compressed
from .api import compress
from .api import search
from .core.errors import ConversionFailed
from .core.errors import DataUnavailable
from .core.errors import InvalidValue
from .core.errors import NoBetterThanChance
from .core.errors import NothingHappened
from .core.errors import TfcompressError
from .core.errors import UnreadableModel
from .core.errors import UnsupportedModel
from .core.examples.notes import Notes
from .core.examples.notes import TensorNotes
from .core.examples.source import Source
from .core.examples.source import Split
from .core.examples.source import Stream
from .core.remarks import remark
from .core.settings import Settings
from .core.settings import setting
from .core.tasks.presets import ByOutput
from .core.tasks.presets import Classification
from .core.tasks.presets import Reconstruction
from .core.tasks.presets import Regression
from .core.tasks.presets import Segmentation
from .core.tasks.task import Metric
from .core.tasks.task import Task
from .core.tasks.task import Tolerance
from .core.types import Advice
from .core.types import Agreement
from .core.types import Artifact
from .core.types import CalibratedTransform
from .core.types import Check
from .core.types import Data
from .core.types import Exporter
from .core.types import Finding
from .core.types import Fit
from .core.types import Latency
from .core.types import Promise
from .core.types import Recipe
from .core.types import Stage
from .core.types import Technique
from .core.types import TrainedTransform
from .core.types import Transform
from .data.audio.audio_folder import AudioFolder
from .data.audio.log_mel import LogMel
from .data.audio.speech_commands import SpeechCommands
from .data.audio.spoken_digits import SpokenDigits
from .data.cifar10 import Cifar10
from .data.dataset import dataset
from .data.digits import Digits
from .data.folder import ImageFolder
from .data.series.anomalies import Anomalies
from .data.series.forecasts import Forecasts
from .data.splits.splitting import HeldOut
from .data.text.tagged_texts import TaggedTexts
from .data.text.text_table import TextTable
from .data.text.tfds_texts import TfdsTexts
from .data.tfds import Tfds
from .data.vision.anchors import Anchors
from .data.vision.decoding import Detections
from .data.vision.decoding import decode_detections
from .data.vision.detection_folder import DetectionFolder
from .data.vision.detection_task import Detection
from .data.vision.segmentation_folder import SegmentationFolder
from .delegates.boards.for_target import ForTarget
from .delegates.boards.microcontroller import Microcontroller
from .delegates.boards.vela import Vela
from .delegates.cpu import CpuBuiltin
from .delegates.cpu import CpuCompiledModel
from .delegates.cpu import CpuReference
from .delegates.cpu import CpuXnnpack
from .delegates.gpu import GpuDelegate
from .distillation import losses as losses
from .distillation.distilled import DistilledFit
from .distillation.distilled import distilled
from .distillation.distiller import Distiller
from .distillation.losses.outputs import SoftTargets
from .distillation.refit import Refit
from .distillation.refit import reconstruct
from .distillation.teacher_cache.cache import TeacherCache
from .export.apps.for_app import ForApp
from .export.apps.in_form import InForm
from .export.dynamic_range import DynamicRange
from .export.float16 import Float16
from .export.float32 import Float32
from .export.int16x8 import Int16x8
from .export.int8 import Int8
from .export.metadata.with_metadata import WithMetadata
from .export.mixed_precision import MixedPrecision
from .export.sparse import Smallest
from .fitting import CosineDecay
from .fitting import KerasFit
from .fitting import OneCycle
from .fitting import StepDecay
from .fitting import Train
from .fitting.augmentation.background_noise import BackgroundNoise
from .fitting.augmentation.cutout import Cutout
from .fitting.augmentation.flip import Flip
from .fitting.augmentation.mel_stretch import MelStretch
from .fitting.augmentation.mixup import Mixup
from .fitting.augmentation.shifted_crop import ShiftedCrop
from .fitting.augmentation.spec_augment import SpecAugment
from .fitting.augmentation.time_shift import TimeShift
from .fitting.augmentation.with_targets import WithBoxes
from .fitting.augmentation.with_targets import WithMasks
from .fitting.augmentation.word_dropout import WordDropout
from .fitting.evaluate_only import EvaluateOnly
from .fitting.evaluate_only import Unchanged
from .fitting.function import fit
from .measuring.measure import Measurement
from .measuring.measure import measure
from .measuring.targets.target import Target
from .models.ds_cnn import ds_cnn
from .models.fast_resnet import fast_resnet
from .models.lookup import split_lookup
from .models.mobile_cnn import mobile_cnn
from .models.resnet import resnet
from .models.series_cnn import autoencoder
from .models.series_cnn import series_cnn
from .models.simple_cnn import simple_cnn
from .models.speech_sequences import speech_conv1d
from .models.speech_sequences import speech_gru
from .models.ssd import ssd
from .models.suppression import with_suppression
from .models.text_cnn import text_cnn
from .models.text_cnn import text_tagger
from .models.text_transformer import text_transformer
from .models.u_net import u_net
from .models_io.compiled.compiled_task import compiled_task
from .models_io.loading.custom import custom_objects_from
from .models_io.loading.door import LoadReport
from .models_io.loading.door import load_model
from .models_io.loading.door import load_with_report
from .models_io.loading.model_file import ModelFile
from .models_io.packing import load_packed
from .models_io.packing import save_packed
from .models_io.pretrained import Pretrained
from .models_io.pretrained import pretrained_models
from .models_io.returning.keras3_model import to_keras3
from .models_io.saving import save_model
from .pruning import channel_criteria as criteria
from .pruning import loss_terms as regularizers
from .pruning import weight_scores as scores
from .pruning.channels import PruneChannels
from .pruning.magnitude import PruneLowMagnitude
from .pruning.regularized import Regularized
from .pruning.removal.budgets import FileBytesTarget
from .pruning.removal.budgets import LatencyTarget
from .pruning.removal.budgets import MacsTarget
from .pruning.removal.budgets import ParametersTarget
from .pruning.removal.removal import remove_channels
from .pruning.removal.removal import remove_empty
from .pruning.schedules import Compounding
from .pruning.schedules import ConstantSparsity
from .pruning.schedules import PolynomialDecay
from .pruning.sensitivity import Sensitivity
from .pruning.sensitivity import scan
from .pruning.tree import PruneTree
from .pruning.tree_drawing import Branch
from .pruning.tree_drawing import pruned_tree
from .pruning.weights import PruneWeights
from .quantization.activations import QuantizeActivations
from .quantization.after_training.adaptive_rounding import AdaptiveRounding
from .quantization.after_training.bias_correction import CorrectBias
from .quantization.after_training.equalization import Equalize
from .quantization.after_training.folding import FoldBatchNorm
from .quantization.bit_allocation import BitAllocation
from .quantization.bit_allocation import allocate_bits
from .quantization.bit_sensitivity import QuantizationSensitivity
from .quantization.bit_sensitivity import quantization_scan
from .quantization.clustering import Cluster
from .quantization.kernels import QuantizeKernels
from .quantization.quantizers.affine import Affine
from .quantization.quantizers.codebook import Codebook
from .quantization.quantizers.piecewise_linear import PiecewiseLinear
from .quantization.quantizers.quantizer import QuantizationError
from .quantization.quantizers.quantizer import Quantizer
from .quantization.training.aware import QuantizeAware
from .searching.budget import Budget
from .searching.found.outcome import Outcome
from .searching.space import between
from .searching.space import one_of
from .tuning import compression_hypermodel

__version__: str
__all__ = [
    "AdaptiveRounding",
    "Advice",
    "Affine",
    "Agreement",
    "Anchors",
    "Anomalies",
    "Artifact",
    "AudioFolder",
    "BackgroundNoise",
    "BitAllocation",
    "Branch",
    "Budget",
    "ByOutput",
    "CalibratedTransform",
    "Check",
    "Cifar10",
    "Classification",
    "Cluster",
    "Codebook",
    "Compounding",
    "Compressed",
    "ConstantSparsity",
    "ConversionFailed",
    "CorrectBias",
    "CosineDecay",
    "CpuBuiltin",
    "CpuCompiledModel",
    "CpuReference",
    "CpuXnnpack",
    "Cutout",
    "Data",
    "DataUnavailable",
    "Detection",
    "DetectionFolder",
    "Detections",
    "Digits",
    "DistilledFit",
    "Distiller",
    "DynamicRange",
    "Equalize",
    "EvaluateOnly",
    "Exporter",
    "FileBytesTarget",
    "Finding",
    "Fit",
    "Flip",
    "Float16",
    "Float32",
    "FoldBatchNorm",
    "ForApp",
    "ForTarget",
    "Forecasts",
    "GpuDelegate",
    "HeldOut",
    "ImageFolder",
    "InForm",
    "Int16x8",
    "Int8",
    "InvalidValue",
    "KerasFit",
    "Latency",
    "LatencyTarget",
    "LoadReport",
    "LogMel",
    "MacsTarget",
    "Measurement",
    "MelStretch",
    "Metric",
    "Microcontroller",
    "MixedPrecision",
    "Mixup",
    "ModelFile",
    "NoBetterThanChance",
    "Notes",
    "NothingHappened",
    "OneCycle",
    "Outcome",
    "ParametersTarget",
    "PiecewiseLinear",
    "PolynomialDecay",
    "Pretrained",
    "Promise",
    "PruneChannels",
    "PruneLowMagnitude",
    "PruneTree",
    "PruneWeights",
    "QuantizationError",
    "QuantizationSensitivity",
    "QuantizeActivations",
    "QuantizeAware",
    "QuantizeKernels",
    "Quantizer",
    "Recipe",
    "Reconstruction",
    "Refit",
    "Regression",
    "Regularized",
    "Segmentation",
    "SegmentationFolder",
    "Sensitivity",
    "Settings",
    "ShiftedCrop",
    "Smallest",
    "SoftTargets",
    "Source",
    "SpecAugment",
    "SpeechCommands",
    "Split",
    "SpokenDigits",
    "Stage",
    "StepDecay",
    "Stream",
    "TaggedTexts",
    "Target",
    "Task",
    "TeacherCache",
    "Technique",
    "TensorNotes",
    "TextTable",
    "TfcompressError",
    "Tfds",
    "TfdsTexts",
    "TimeShift",
    "Tolerance",
    "Train",
    "TrainedTransform",
    "Transform",
    "Unchanged",
    "UnreadableModel",
    "UnsupportedModel",
    "Vela",
    "WithBoxes",
    "WithMasks",
    "WithMetadata",
    "WordDropout",
    "advise",
    "allocate_bits",
    "autoencoder",
    "between",
    "compiled_task",
    "compress",
    "compression_hypermodel",
    "criteria",
    "custom_objects_from",
    "dataset",
    "decode_detections",
    "distilled",
    "ds_cnn",
    "fast_resnet",
    "fit",
    "load_model",
    "load_packed",
    "load_with_report",
    "losses",
    "measure",
    "mobile_cnn",
    "one_of",
    "pretrained_models",
    "pruned_tree",
    "quantization_scan",
    "reconstruct",
    "regularizers",
    "remark",
    "remove_channels",
    "remove_empty",
    "resnet",
    "save_model",
    "save_packed",
    "scan",
    "scores",
    "search",
    "series_cnn",
    "setting",
    "simple_cnn",
    "speech_conv1d",
    "speech_gru",
    "split_lookup",
    "ssd",
    "text_cnn",
    "text_tagger",
    "text_transformer",
    "to_keras3",
    "u_net",
    "with_suppression",
]
