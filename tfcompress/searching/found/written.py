"""A found recipe as a file: the recipe's own text, with what was found in the place of its defaults."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from ...core.errors import InvalidRecipe
from ...core.settings import Settings

SETTING, WIDTH = "setting", 116
Edit = tuple[int, int, str]  # from, to, and what stands there instead


def written(source: str, settings: Settings, notes: tuple[str, ...] = ()) -> str:
    """The text of a recipe file whose `Settings` default to `settings`.

    Args:
      source: of the recipe file.
      settings: of its class `Settings`.
      notes: lines that are put under the file's docstring, as comments.

    Raises:
      InvalidRecipe: when the file has no class `Settings`, whose fields are written `name: type = tfc.setting(...)`.
    """
    tree = ast.parse(source)
    found = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"), None)
    if found is None:
        raise InvalidRecipe(
            "A recipe file must have a class Settings, to be written with other defaults. Received: none. Define one."
        )
    fields = {field.name: field for field in dataclasses.fields(settings)}
    defaults = {
        statement.target.id: default
        for statement in found.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        for default in _default(statement.value)
    }
    calls = (each for each in ast.walk(found) if isinstance(each, ast.Call))
    named = (ast.unparse(each.func) for each in calls)
    setting = next((name for name in named if name.rpartition(".")[2] == SETTING), f"tfc.{SETTING}")
    content = source.encode()
    begins = _line_begins(content)
    edits: list[Edit] = []
    inherited = []
    for name, field in fields.items():
        value = getattr(settings, name)
        if value == field.default and type(value) is type(field.default):
            continue
        if name in defaults:
            node = defaults[name]
            edits.append((*_place(node, begins), _typed(value)))
        else:
            inherited.append(_line(field, value, setting))
    if inherited:
        last = [each for each in found.body if isinstance(each, ast.AnnAssign)] or found.body[:1]
        end = _place(last[-1], begins)[1]
        edits.append((end, end, "".join(f"\n    {line}" for line in inherited)))
    if notes and tree.body:
        has_docstring = ast.get_docstring(tree) is not None
        end = _place(tree.body[0], begins)[1] if has_docstring else 0
        lines = "\n".join(f"# {note}" for note in notes)
        edits.append((end, end, f"\n\n{lines}" if has_docstring else f"{lines}\n\n"))
    for begin, end, text in sorted(edits, reverse=True):
        content = content[:begin] + text.encode() + content[end:]
    return content.decode()


def _default(value: ast.expr | None) -> Iterator[ast.expr]:
    """Where the default of a field stands: the first argument of `setting`, or the value itself."""
    if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == SETTING:
        named = [keyword.value for keyword in value.keywords if keyword.arg == "default"]
        yield from (value.args[:1] or named)
    elif value is not None:
        yield value


def _typed(value: Any) -> str:
    """A value as one would type it, texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _line(field: Any, value: Any, setting: str) -> str:
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    arguments = f"{_typed(value)}, {_typed(field.metadata.get('help', ''))}"
    line = f"{field.name}: {kind} = {setting}({arguments})"
    return line if len(line) <= WIDTH else f"{field.name}: {kind} = {setting}(\n        {arguments}\n    )"


def _line_begins(content: bytes) -> list[int]:
    found, place = [0], content.find(b"\n")
    while place >= 0:
        found.append(place + 1)
        place = content.find(b"\n", place + 1)
    return found


def _place(node: Any, begins: list[int]) -> tuple[int, int]:
    return begins[node.lineno - 1] + node.col_offset, begins[node.end_lineno - 1] + node.end_col_offset
