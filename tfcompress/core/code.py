"""What code depends on: the library and version that it belongs to, or, of the user's own code, all that it reads."""

from __future__ import annotations

import dataclasses
import dis
import functools
import hashlib
import importlib
import importlib.util
import operator
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

from .. import __version__

PACKAGE = Path(__file__).parents[1]
STANDARD_LIBRARY = Path(os.__file__).absolute().parent
INSTALLED = ("site-packages", "dist-packages")  # folders that installers write to
_SLOTS = (MemberDescriptorType, GetSetDescriptorType)
_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


@functools.cache
def our_code() -> str:
    """The version of tfcompress and a digest of its source files, which in a checkout change under one version."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode() + content)
    return f"{__version__} {digest.hexdigest()[:16]}"


def library(module: str) -> str | None:
    """The library of a module, with its version where `our_code` and Python's do not say it; None for a user's own.

    >>> library("json.decoder"), library("tfcompress.core"), library("__main__")
    ('python', 'tfcompress', None)
    """
    top = module.partition(".")[0]
    if top == "__main__":  # what runs there may be a library, as with `python -m`; what is defined there is the user's
        return None
    file = _file_of(module)
    if file is None:
        return "python" if top in sys.stdlib_module_names else None
    if PACKAGE in file.parents:
        return "tfcompress"
    if set(INSTALLED) & set(file.parts):
        return _with_version(top)
    return "python" if STANDARD_LIBRARY in file.parents else None


def _file_of(module: str) -> Path | None:
    """Where a module lies, found without importing it; None for what is no file, such as a notebook."""
    file = getattr(sys.modules.get(module), "__dict__", {}).get("__file__")
    if file is None:
        try:
            spec = importlib.util.find_spec(module.partition(".")[0])
        except ValueError:  # a module that was made by hand
            return None
        places = [*((spec.submodule_search_locations or ()) if spec else ())]
        file = spec.origin if spec and spec.has_location else next(iter(places), None)
    return Path(file).absolute() if file else None


@functools.cache
def _with_version(top: str) -> str:
    try:
        return f"{top} {metadata.version(top)}"
    except metadata.PackageNotFoundError:  # scikit-learn is imported as sklearn
        names = metadata.packages_distributions().get(top, [])
        return " ".join([top, *(metadata.version(name) for name in sorted(set(names)))])


def found_by_name(value: Any) -> dict[str, str] | None:
    """The library and name of a function or class that is imported from a library; None for any other.

    >>> found_by_name(dataclasses.dataclass)
    {'library': 'python', 'name': 'dataclasses.dataclass'}
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    home = library(module)
    try:
        is_there = home is not None and operator.attrgetter(name)(sys.modules[module]) is value
    except (AttributeError, KeyError):  # it was made by a function, or is known under another name
        return None
    return {"library": str(home), "name": f"{module}.{name}"} if is_there else None


def is_users(function: FunctionType) -> bool:
    """Whether a function was written by the user: what it reads may change, while no version does."""
    return library(str(function.__globals__.get("__name__"))) is None


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """`code`, and that of the functions and classes that are written inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def names_in(code: CodeType) -> frozenset[str]:
    """All names of globals and attributes in `code`: what it can want of a module."""
    return frozenset(name for each in codes_in(code) for name in each.co_names)


def constants_of(code: CodeType) -> tuple[Any, ...]:
    """The constants in `code`, but for the line that a class begins in, which Python 3.13 writes down as one."""
    if "__firstlineno__" not in code.co_names:
        return code.co_consts
    return tuple(None if value == code.co_firstlineno else value for value in code.co_consts)


def reads(function: FunctionType) -> dict[str, Any]:
    """The values of the globals that a function reads, and what it imports when it runs, by name.

    >>> reads(found_by_name)["operator"].__name__
    'operator'
    """
    found: dict[str, Any] = {}
    for code in codes_in(function.__code__):
        instructions = list(dis.get_instructions(code))
        for number, instruction in enumerate(instructions):
            if instruction.opname in _GLOBALS and instruction.argval in function.__globals__:
                found[instruction.argval] = function.__globals__[instruction.argval]
            elif instruction.opname == "IMPORT_NAME":
                level, names = (instructions[number - back].argval for back in (2, 1))
                package = str(function.__globals__.get("__package__") or "")
                found |= _imported("." * level + instruction.argval, names or (), package)
    return found


def _imported(name: str, members: tuple[str, ...], package: str) -> Mapping[str, Any]:
    """What `import name`, or `from name import members`, brings; a library is not imported for it."""
    try:
        name = importlib.util.resolve_name(name, package)
        home = library(name)
        if home is not None:
            return {name: home}
        module = importlib.import_module(name)
    except ImportError:  # the code may know what to do then
        return {name: None}
    for member in members:
        if not hasattr(module, member):
            importlib.import_module(f"{name}.{member}")
    return {f"{name}.{member}": getattr(module, member) for member in members} or {name: module}


def members_of_module(module: ModuleType, names: frozenset[str] | None = None) -> dict[str, Any]:
    """Those of a module's names that are among `names`, or all but Python's own."""
    wanted = names if names is not None else {name for name in vars(module) if not name.startswith("__")}
    return {name: value for name, value in vars(module).items() if name in wanted}


def members_of_class(kind: type) -> dict[str, Any]:
    """What a user wrote into a class: functions and constants, without what Python and `dataclass` add."""
    members: dict[str, Any] = {}
    for name, value in vars(kind).items():
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if isinstance(value, property):
            members |= {f"{name} {part}": getattr(value, part) for part in ("fget", "fset", "fdel")}
        elif isinstance(value, functools.cached_property):
            members[name] = value.func
        elif isinstance(plain, FunctionType):
            if plain.__code__.co_filename != "<string>" or not dataclasses.is_dataclass(kind):
                members[name] = plain
        elif not isinstance(value, _SLOTS) and not name.startswith("__") and name != "_abc_impl":
            members[name] = value
    return members
