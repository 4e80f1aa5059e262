"""The child process in which a file is loaded and run, and `observe`, which starts it and collects what it saw.

`python -m tfcompress.delegates.worker FOLDER` reads `job.json` there and writes `outputs-NUMBER.npy` and `seen.json`.
It imports NumPy and ai_edge_litert, never TensorFlow: it starts in a tenth of a second.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import child
from ..backend.search_path import for_children
from ..core.examples.nests import by_name, leaves
from ..core.examples.spool import Spool
from ..core.temporaries import in_temporary_folder
from ..core.types import Latency
from ..measuring.tensors import Encoder, TensorType
from . import latency, memory

ONE_CALL = "running it at batch 1"


@dataclasses.dataclass(frozen=True)
class Job:
    """What the child is asked: which file, which runtime, and how stored inputs become what the model sees.

    `inputs` are (name, .npy file) pairs. They go to the file's inputs of these names, or by position where the file has
    other names.
    """

    model: str
    runtime: str  # "xnnpack", "builtin", "reference", "compiled", "gpu" or "micro"
    scale: float | tuple[float, ...] = 1.0  # the data's own: stored * scale + offset
    offset: float | tuple[float, ...] = 0.0
    num_threads: int = 1  # of the latency; the pass over all examples uses every core
    with_latency: bool = True
    preload: tuple[str, ...] = ()  # shared libraries that the runtime must find already loaded
    inputs: tuple[tuple[str, str], ...] = ()
    resets: bool = False  # whether the interpreter's variables are reset before each call
    states: tuple[tuple[str, str], ...] = ()  # inputs that are zeros in each call, and the outputs that go with them
    is_raw: bool = False  # whether the file itself has scale and offset
    one_call_s: int = 0  # seconds, after which the first call kills the child; 0: it may take as long as all others


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the child saw.

    `failure` is "" or why there are no outputs. `peak_memory_bytes` is how far the child's resident memory rose above
    what it was just before the file was loaded, through loading and running it at batch 1: the file, the runtime's own
    buffers, and for a software GPU the "device" memory too. The pass over all examples comes later and is not in it.
    """

    failure: str = ""
    num_ops: int | None = None
    num_delegated_ops: int | None = None
    latency: Latency | None = None
    peak_memory_bytes: int | None = None
    batch_size: int = 1
    num_workers: int = 1
    pass_s: float | None = None  # all examples: choosing and proving the batch, encoding, running, decoding
    again: float | None = None  # the largest difference between two calls with one example, beside the largest output
    output_names: tuple[str, ...] = ()  # as the file's signature has them
    arena_bytes: int | None = None  # the least tensor arena, of a microcontroller's runtime
    lacks: tuple[str, ...] = ()  # operations that a microcontroller's runtime has not
    outputs: tuple[np.ndarray, ...] | None = dataclasses.field(default=None, repr=False, compare=False)
    log: str = dataclasses.field(default="", repr=False)


def observe(
    job: Job, examples: Spool, names: Sequence[str], time_limit_s: float, environment: Mapping[str, str] | None = None
) -> Seen:
    """Runs a file over all examples in a child process.

    Args:
      job: what to do.
      examples: stored inputs, at least one example.
      names: the model's inputs, in its order; empty where they are not known.
      time_limit_s: seconds, after which the child is killed.
      environment: variables for the child, on top of this process's own.

    Returns:
      What the child saw; its outputs are mapped from files that are gone when nothing refers to them any more.
      `failure` tells an error of the runtime, a crash, or that the time was not enough.
    """
    job = dataclasses.replace(job, inputs=named_paths(examples, names))
    with in_temporary_folder("check") as folder:
        (folder / "job.json").write_text(json.dumps(dataclasses.asdict(job)))
        end = child.run_limited(
            [sys.executable, "-m", "tfcompress.delegates.worker", str(folder)],
            time_limit_s,
            folder,
            {**(environment or {}), "PYTHONPATH": for_children()},
        )
        if end.death:
            return Seen(failure=f"the child process {end.death}", log=end.log)
        fields = json.loads((folder / "seen.json").read_text())
        if fields.get("latency"):
            quantiles = tuple(fields["latency"]["quantiles_ms"])
            fields["latency"] = Latency(**{**fields["latency"], "quantiles_ms": quantiles})
        fields |= {name: tuple(fields[name]) for name in ("output_names", "lacks")}
        outputs = None
        if not fields["failure"]:  # a mapped file lasts until it is let go, though its name is gone with the folder
            paths = (folder / f"outputs-{number}.npy" for number in range(len(fields["output_names"])))
            outputs = tuple(np.load(path, mmap_mode="r") for path in paths)
        return Seen(**fields, outputs=outputs, log=end.log)


def named_paths(examples: Spool, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(name, path) of each stored input: by the model's names, or the data's own, or by number."""
    own = examples.paths if isinstance(examples.paths, Mapping) else range(len(leaves(examples.paths)))
    paths = by_name(examples.paths, list(names) or [str(name) for name in own], "inputs")
    return tuple((name, str(path)) for name, path in paths.items())


def job_from_json(fields: Mapping[str, Any]) -> Job:
    """The inverse of `dataclasses.asdict` and JSON."""
    pairs = {name: tuple(map(tuple, fields[name])) for name in ("inputs", "states")}
    return Job(**{**fields, **pairs, "preload": tuple(fields["preload"])})


def main(folder: Path) -> None:
    """The child: from `job.json` to `seen.json`. An error of the runtime is a result, not a crash."""
    child.die_with_parent()
    job = job_from_json(json.loads((folder / "job.json").read_text()))
    try:
        seen = _look(job, folder)
    except (ValueError, RuntimeError, OSError) as error:
        lacks = _lacks(job)
        seen = Seen(failure=child.last_words(str(error)) or type(error).__name__, lacks=lacks)
    result = dataclasses.asdict(dataclasses.replace(seen, outputs=None))
    (folder / "seen.json").write_text(json.dumps({k: v for k, v in result.items() if k not in ("outputs", "log")}))
    # The result is on disk: a driver that crashes while it is taken down has nothing left to spoil.
    sys.stdout.flush()
    os._exit(0)


def _look(job: Job, folder: Path) -> Seen:
    # Late imports: a broken native library then fails as a result of this job, with its reason.
    from . import batching, runtimes
    from .boards.micro_runtime import MicroRuntime, least_arena

    for library in job.preload:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    path = Path(job.model)
    _begin("loading the file")
    before = memory.start_of_peak()
    compiled = {"gpu": "gpu", "compiled": "cpu"}.get(job.runtime)

    def loaded(num_threads: int = 1) -> runtimes.Runtime:
        found: runtimes.Runtime
        if job.runtime == "micro":
            found = MicroRuntime(path, job.resets)
        elif compiled:
            found = runtimes.CompiledRuntime(path, compiled, num_threads)
        else:
            found = runtimes.CpuRuntime(path, job.runtime, num_threads, resets=job.resets)
        return runtimes.FromZero(found, job.states) if job.states else found

    runtime = loaded(job.num_threads)

    _begin(ONE_CALL)
    stored = arranged(job, runtime.inputs)  # mapped: the examples are no memory of the model's
    encoders = [encoder(job, kind) for kind in runtime.inputs]
    examples = batching.Examples(stored, encoders)
    signal.alarm(job.one_call_s)  # a loop may never end; what it was doing is in the log
    runtime.run(examples.tensors(0, 1))
    signal.alarm(0)
    arena = least_arena(path) if job.runtime == "micro" else None
    peak = memory.peak_bytes() - before  # before the many measured times, which need memory of their own
    measured = latency.measure(runtime.run_again, job.num_threads) if job.with_latency else None

    _begin(f"running all {len(examples)} examples")
    begin = time.perf_counter()
    num_workers, batch_size = batching.num_usable_cores(), 1
    outputs = batching.Outputs(folder, runtime.outputs, len(examples))
    load: Callable[[], runtimes.Runtime]
    if job.runtime in ("gpu", "micro"):
        num_workers, load = 1, lambda: runtime
    elif compiled:
        load = loaded
    else:
        plan = batching.find_plan(path, job.runtime, examples, job.resets, job.states)
        batch_size, load = plan.batch_size, plan.load
    again = batching.run_all(load, batch_size, examples, outputs, num_workers)
    pass_s = time.perf_counter() - begin
    names = tuple(kind.name for kind in runtime.outputs)
    return Seen(
        *("", runtime.num_ops, runtime.num_delegated_ops, measured, peak, batch_size, num_workers, pass_s, again),
        output_names=names,
        arena_bytes=arena,
    )


def _lacks(job: Job) -> tuple[str, ...]:
    """The operations of the file that a microcontroller's runtime lacks, where that is what was asked for."""
    if job.runtime != "micro":
        return ()
    from ..measuring.tflite import UnreadableFile
    from .boards.lacking import lacking

    _begin("asking which operations are missing")
    try:
        return lacking(Path(job.model))
    except (UnreadableFile, OSError):
        return ()  # what is wrong with it has been said


def encoder(job: Job, kind: TensorType) -> Encoder:
    """How a stored input becomes the tensor of a file: as it is, where the file itself has scale and offset."""
    if job.is_raw:
        return Encoder(1.0, 0.0, dataclasses.replace(kind, scale=0.0, zero_point=0))
    return Encoder(job.scale, job.offset, kind)


def arranged(job: Job, kinds: Sequence[TensorType], may_lack: bool = False) -> list[np.ndarray]:
    """The stored inputs in the order of the file's own, by name where it has the names.

    Args:
      job: has the paths of the inputs.
      kinds: the file's inputs.
      may_lack: whether the file may lack some of the inputs, as a part of one does. Defaults to False.

    Raises:
      ValueError: for inputs that do not fit the file.
    """
    paths = dict(job.inputs)
    names = [kind.name for kind in kinds]
    if may_lack and set(names) < set(paths):
        paths = {name: paths[name] for name in names}
    if len(names) != len(paths):
        raise ValueError(f"the file has {len(names)} inputs ({', '.join(names)}), and the data {len(paths)}")
    order = names if set(names) == set(paths) else list(paths)
    stored = [np.load(paths[name], mmap_mode="r") for name in order]
    for kind, array in zip(kinds, stored, strict=True):
        if kind.shape != (1, *array.shape[1:]):
            raise ValueError(
                f"the file takes shape {kind.shape}{f' as {kind.name!r}' if len(kinds) > 1 else ''}, and one example of"
                f" the data is {(1, *array.shape[1:])}"
            )
    return stored


def _begin(phase: str) -> None:
    print(f"{child.PHASE_MARK}{phase}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
