"""python -m tfcompress.models_io.loading.probe FILE FOLDER: reads a model file in a process that may crash for ours.

HDF5 is native code, and a damaged file can take its process with it. This one is a child with a time limit and bounded
memory: it touches every byte that the parent would, executes nothing of the file, and writes what it found into FOLDER.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import zipfile
from pathlib import Path
from typing import Any

from ...backend.child import die_with_parent, limit_resources

SEEN = "seen.json"  # what is written into FOLDER
CHUNK_BYTES = 8 << 20
MEMORY_LIMIT_BYTES = 8 << 30
# A model's weights hardly compress; far more than this is a file made to fill the memory.
MAX_EXPANSION, ALWAYS_ALLOWED_BYTES = 200, 256 << 20
# Text does compress, but a configuration that takes less than a hundredth of its size says nothing.
MAX_CONFIG_EXPANSION, ALWAYS_ALLOWED_CONFIG_BYTES, MAX_CONFIG_BYTES = 100, 1 << 20, 64 << 20
# A layer holds at least one weight for each of its units, filters or places of its kernel, and a weight is a byte.
SIZES = ("units", "filters", "input_dim", "output_dim", "kernel_size", "depth_multiplier", "num_heads", "key_dim")
ALWAYS_ALLOWED_SIZE = 4096
CPU_LIMIT_S = 3600.0


class Damaged(Exception):
    """What is wrong with the file, as the end of the sentence "FILE ...": "is not ..."."""


def seen(path: Path) -> dict[str, Any]:
    """What `look_at` gives, or what is wrong with the file, under "damage"."""
    try:
        return look_at(path)
    except Damaged as error:
        return {"damage": str(error)}
    except Exception as error:  # every way in which bytes can be wrong
        return {"damage": f"cannot be read: {type(error).__name__}: {' '.join(str(error).split())}"}


def look_at(path: Path) -> dict[str, Any]:
    """The kind of file, the version of Keras that wrote it, and the configuration of its model.

    Raises:
      Damaged: when it is no model file, or one that cannot be read to its end.
    """
    if path.is_dir():
        return _saved_model(path)
    with path.open("rb") as stream:
        head = stream.read(8)
    if head == b"\x89HDF\r\n\x1a\n":
        return _h5(path)
    if head[:2] == b"PK":
        return _keras(path)
    raise Damaged("is neither a .keras nor an .h5 file: its first bytes are " + head.hex(" "))


def _keras(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        missing = {"metadata.json", "config.json", "model.weights.h5"} - names
        if missing:
            raise Damaged(f"is a zip file without {', '.join(sorted(missing))}, which a .keras file has")
        size = sum(entry.file_size for entry in archive.infolist())
        if size > max(ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * path.stat().st_size):
            raise Damaged(f"would unpack to {size} bytes, over {MAX_EXPANSION} times its size")
        config = archive.getinfo("config.json")
        allowed = max(ALWAYS_ALLOWED_CONFIG_BYTES, MAX_CONFIG_EXPANSION * config.compress_size)
        if config.file_size > min(allowed, MAX_CONFIG_BYTES):
            raise Damaged(f"has a config.json that would unpack to {config.file_size} bytes")
        damaged = archive.testzip()
        if damaged:
            raise Damaged(f"is damaged: the checksum of {damaged} does not match")
        weights_bytes = archive.getinfo("model.weights.h5").file_size
        with archive.open("model.weights.h5") as weights:
            _, held_bytes = _read_everything(weights, weights_bytes)
        version = json.loads(archive.read("metadata.json"))["keras_version"]
        described = json.loads(archive.read("config.json"))
        _require_proportion(described, weights_bytes)
        return {"kind": "keras", "keras_version": version, "config": described, "weights_bytes": held_bytes}


def _h5(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    attributes, held_bytes = _read_everything(path, size)
    config, training = (json.loads(attributes.get(f"{name}_config", "null")) for name in ("model", "training"))
    _require_proportion(config, size)
    version = attributes.get("keras_version", "2")
    found = {"kind": "h5", "keras_version": version, "config": config, "training": training}
    return {**found, "weights_bytes": held_bytes}


def _require_proportion(config: Any, num_bytes: int) -> None:
    """Compares the sizes that layers declare with the bytes that the file holds, before Keras makes such layers.

    Raises:
      Damaged: for a layer that would have more weights than the file has bytes.
    """
    waiting = [config]
    while waiting:
        value = waiting.pop()
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if not isinstance(value, dict):
            continue
        for name in SIZES:
            size = _product(value.get(name))
            if size > max(ALWAYS_ALLOWED_SIZE, num_bytes):
                raise Damaged(f"declares a layer with {name} {value[name]}, and holds {num_bytes} bytes")


def _product(value: Any) -> int:
    numbers = value if isinstance(value, list) else [value]
    return math.prod(number for number in numbers if isinstance(number, int)) if numbers else 0


def _read_everything(source: Any, num_bytes: int) -> tuple[dict[str, str], int]:
    """Reads each dataset and attribute once; gives the root's attributes that are text, and the bytes of all datasets.

    Raises:
      Damaged: for data elsewhere, and for datasets that declare far more than the file's `num_bytes`.
    """
    import h5py

    allowed, held_bytes = max(ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * num_bytes), 0

    with h5py.File(source, "r") as file:
        groups, seen = [file], set()
        while groups:
            group = groups.pop()
            address = h5py.h5o.get_info(group.id).addr
            if address in seen:
                continue
            seen.add(address)
            _read_attributes(group)
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise Damaged(f"refers at {group.name}/{name} to data outside of itself")
                member = group[name]
                if isinstance(member, h5py.Dataset):
                    held_bytes += member.dtype.itemsize * member.size if member.size else 0
                    if held_bytes > allowed:
                        raise Damaged(f"declares with {member.name} far more weights than its {num_bytes} bytes hold")
                    _read_dataset(member)
                else:
                    groups.append(member)
        return _read_attributes(file), held_bytes


def _read_attributes(item: Any) -> dict[str, str]:
    values = {name: item.attrs[name] for name in item.attrs}
    texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}
    return {name: value for name, value in texts.items() if isinstance(value, str)}


def _read_dataset(dataset: Any) -> None:
    if dataset.external or dataset.is_virtual:
        raise Damaged(f"refers at {dataset.name} to data outside of itself")
    _read_attributes(dataset)
    if not dataset.shape:
        dataset[()]
        return
    row_bytes = max(1, dataset.dtype.itemsize * dataset.size // max(1, dataset.shape[0]))
    step = max(1, CHUNK_BYTES // row_bytes)
    for begin in range(0, dataset.shape[0], step):
        dataset[begin : begin + step]


def _saved_model(path: Path) -> dict[str, Any]:
    if not (path / "saved_model.pb").is_file():
        raise Damaged("is a folder without saved_model.pb, so no SavedModel")
    metadata = path / "keras_metadata.pb"
    root = _described_in(metadata) if metadata.is_file() else _described_inside(path / "saved_model.pb")
    if root is None:
        return {"kind": "saved_model", "keras_version": "", "config": None}
    import numpy as np

    from ...backend.tensorflow import tf

    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    held_bytes = sum(np.asarray(reader.get_tensor(name)).nbytes for name in reader.get_variable_to_shape_map())
    described = json.loads(root.metadata)
    config = {"class_name": described["class_name"], "config": described["config"], "root": root.identifier}
    found = {"kind": "saved_model", "keras_version": described.get("keras_version", "2"), "config": config}
    return {**found, "weights_bytes": held_bytes}


def _described_in(metadata: Path) -> Any:
    """The model, in what Keras says of the objects of a SavedModel since TensorFlow 2.5."""
    from ...backend.tensorflow import keras

    messages = importlib.import_module(f"{keras.__name__}.protobuf.saved_metadata_pb2")
    saved = messages.SavedMetadata()
    saved.ParseFromString(metadata.read_bytes())
    root = next((node for node in saved.nodes if node.node_path == "root"), None)
    if root is None:
        raise Damaged("has a keras_metadata.pb that describes no model")
    return root


def _described_inside(graph: Path) -> Any:
    """The model, in what Keras said of it within the SavedModel before TensorFlow 2.5; None for another SavedModel."""
    from ...backend.tensorflow import tf

    saved = importlib.import_module(f"{tf.__name__}.core.protobuf.saved_model_pb2").SavedModel()
    saved.ParseFromString(graph.read_bytes())
    objects = saved.meta_graphs[0].object_graph_def.nodes if saved.meta_graphs else ()
    root = objects[0].user_object if objects else None
    # tf.saved_model.save of a Keras 3 model, and model.export, write another identifier, and no metadata.
    return root if root is not None and root.identifier.startswith("_tf_keras_") and root.metadata else None


def main(path: Path, folder: Path) -> None:
    """The child: what was found, or what is wrong, as JSON."""
    die_with_parent()
    limit_resources(0, CPU_LIMIT_S, MEMORY_LIMIT_BYTES)
    (folder / SEEN).write_text(json.dumps(seen(path)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
