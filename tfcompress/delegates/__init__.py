"""Checks of an exported file, each run in a child process with a time limit: the CPU in four ways, and the GPU.

- `cpu.py`, `gpu.py`: the checks themselves, frozen dataclasses with `run(artifact, data, against) -> Finding`;
- `driver.py`: which Vulkan driver the GPU check may use; `litert_log.py`: what LiteRT said;
- `judge.py`: from what the child saw to a `Finding`;
- `child.py`: starts a child process with a time limit and says how it died;
- `worker.py`: the child itself; `runtimes.py`: a loaded file; `batching.py`: many examples at once, proved equal;
  `tensors.py`: quantize and dequantize; `latency.py`, `memory.py`: the two measurements.

Nothing here imports TensorFlow: a check sees the file as a phone would.
"""
