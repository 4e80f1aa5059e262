"""What the page beside a file says of each target: how to use the file there, or why it is not for it."""

from __future__ import annotations

from ...measuring.targets.file_operations import operations_in
from ...measuring.targets.target import PRESETS, objections
from ..c_source import identifier

USE = {
    "cpu": "the lines above",
    "gpu": "the lines of Kotlin with `Accelerator.GPU`; ask for the GPU alone to see that all of it runs there",
    "npu": "`vela FILE --accelerator-config ethos-u55-128` compiles it for an Arm Ethos-U; other NPUs have their own",
    "mcu": "`tfcompress export FILE --c` writes NAME.h and NAME.cc, with the arena it needs, for the lines below",
}
MICRO = """
#include "NAME.h"
tflite::MicroMutableOpResolver<UPPER_NUM_OPERATIONS> resolver;
NAME_add_operations(resolver);
alignas(16) static uint8_t arena[UPPER_ARENA_BYTES];
tflite::MicroInterpreter interpreter(tflite::GetModel(NAME), resolver, arena, sizeof(arena));
interpreter.AllocateTensors();
// fill interpreter.input(0), then
interpreter.Invoke();
const TfLiteTensor* y = interpreter.output(0);
"""


def targets_section(file: str, content: bytes, needs_reset: bool = False) -> str:
    """Markdown: a line for each target, and C++ for a microcontroller that takes the file.

    Args:
      file: its name.
      content: of the file.
      needs_reset: whether its variables must be reset before each sequence. Defaults to False.
    """
    operations, name = operations_in(content), identifier(file.rpartition(".")[0])
    lines, taken = [], []
    for target in PRESETS:
        found = objections(target, operations)
        taken += [] if found else [target]
        use = USE[target].replace("FILE", file).replace("NAME", name)
        lines.append(f"- {target}: " + (f"not for it: {'; '.join(map(str, found))}" if found else use))
    parts = ["## Targets", "\n".join(lines)]
    if "mcu" in taken:
        reset = "interpreter.Reset();  // before each sequence\n" if needs_reset else ""
        code = MICRO.strip().replace("// fill", f"{reset}// fill").replace("NAME", name).replace("UPPER", name.upper())
        parts.append(f"```cpp\n{code}\n```")
    return "\n\n".join(parts)
