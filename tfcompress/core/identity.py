"""What a value is, as a key under which what was made from it is found again: equal for equal values, in every process.

Values count by what they hold: arrays by their content; files and folders by path, size and time of change; functions
and classes of the user's own by their code and all that it reads, those of libraries by name and version. What is none
of this (a connection, a generator, a tf.data pipeline) has no identity, unless its owner gives it `identity()` or a
`version`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

from .code import constants_of, found_by_name, is_users, library, members_of_class, members_of_module, names_in, reads
from .contracts import Identified, Versioned
from .examples.nests import leaves, mapped
from .examples.source import Source, Split, Stream, batches_of
from .state import NotCopied, has_config, is_array, parts_of_keras, state_of
from .types import Data

Contents = dict[int, tuple[Any, str]]  # values that were read already, by id, and their digests


class NoIdentity(Exception):
    """Nothing tells a value from another of its kind; the message says which, and what to give it."""

    def __init__(self, reason: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(" ".join([".".join(path), reason]).strip())
        self.reason, self.path = reason, path


def fingerprint(value: Any, contents: Contents | None = None) -> str:
    """A short name for what `value` is.

    Args:
      value: anything: settings, functions, arrays, models, data, and lists and mappings of them.
      contents: what was read already, so that a data set that is part of several values is read once. Defaults to None.

    Raises:
      NoIdentity: when nothing tells the value, or a part of it, from another.

    >>> [fingerprint({"epochs": 1}) == fingerprint({"epochs": epochs}) for epochs in (1, 2)]
    [True, False]
    >>> same, same_again, other = (fingerprint(eval(text)) for text in ("lambda: 1", "lambda: 1", "lambda: 2"))
    >>> same == same_again, same == other
    (True, False)
    """
    try:
        return _digest(_Reader({} if contents is None else contents).read(value))
    except RecursionError:
        raise NoIdentity("is nested too deeply to be read: give it identity() or a version") from None


def fingerprint_of_inputs(source: Source | Stream) -> str:
    """A short name for what the inputs of a source are, whatever their targets.

    It is the content of arrays in memory, what the source's own `identity()` says, or else of all inputs, read a batch
    at a time.

    Raises:
      NoIdentity: for a stream, whose examples have no numbers.

    >>> import numpy as np
    >>> one, two = (Split(np.arange(4), np.full(4, target)) for target in (0, 1))
    >>> fingerprint_of_inputs(one) == fingerprint_of_inputs(two)
    True
    """
    if isinstance(source, Stream):
        raise NoIdentity(
            "is a stream, whose examples have no numbers: give arrays, or a source of your own", ("train",)
        )
    if isinstance(source, Split):
        return fingerprint(source.inputs)
    if has_identity(type(source)):
        return fingerprint(source)
    content = hashlib.sha256()
    for inputs, *_ in batches_of(source, 64):
        form = mapped(lambda array: [str(array.dtype), array.shape], mapped(_as_array, inputs))
        content.update(repr(form).encode())
        for leaf in leaves(inputs):
            content.update(_as_array(leaf).tobytes())
    return content.hexdigest()[:16]


def _as_array(value: Any) -> Any:
    import numpy as np

    return np.asarray(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


class _Reader:
    """Walks through a value, and gives what it is as JSON.

    Code that was met before is a number, so that functions may call each other; so is an object inside of itself.
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.met: dict[Any, tuple[Any, int]] = {}
        self.around: dict[int, int] = {}

    def read(self, value: Any) -> Any:
        """What `value` is. Raises `NoIdentity`."""
        kind = type(value)
        if value is None or kind in (bool, int, float):
            return value
        if kind in _READERS:
            return _READERS[kind](self, value)
        if isinstance(value, type):
            return found_by_name(value) or self._met(value, lambda: self._class(value))
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, PurePath):
            return _of_file(value) or _of_folder(value) or {"path": str(value)}
        if has_identity(kind):
            return self._once(value, lambda reader: reader._said_by_owner(value))
        if isinstance(value, Data):
            return self._once(value, lambda reader: reader._object(value))
        if is_array(value):
            return self._once(value, lambda reader: reader._array(value))
        if has_config(kind):
            return self._once(value, lambda reader: reader._named({"class": kind, **parts_of_keras(value)}))
        return self._object(value)

    def _within(self, step: str, value: Any) -> Any:
        """What a part of a value is, called `step` in the message of an error."""
        try:
            return self.read(value)
        except NoIdentity as error:
            raise NoIdentity(error.reason, (step, *error.path)) from error

    def _named(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """What parts are whose order does not count."""
        return {name: self._within(name, parts[name]) for name in sorted(parts)}

    def _items(self, values: Any) -> list[Any]:
        return [self._within(str(place), value) for place, value in enumerate(values)]

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        """Its items in their order, in which patterns are tried."""
        return {"map": [[self.read(key), self._within(str(key), item)] for key, item in value.items()]}

    def _set(self, value: Any) -> Any:
        return {"set": sorted(fingerprint(item, self.contents) for item in value)}

    def _text(self, value: str) -> Any:
        """A text; where it is a file's path, with what the file is, as it may be read."""
        return _of_file(value) or value

    def _bytes(self, value: bytes) -> Any:
        return {"bytes": hashlib.sha256(value).hexdigest()}

    def _partial(self, value: functools.partial[Any]) -> Any:
        keywords = self._named(value.keywords)
        return {**self._named({"function": value.func, "arguments": value.args}), "keywords": keywords}

    def _function(self, value: FunctionType) -> Any:
        return found_by_name(value) or self._met(value, lambda: self._function_of_own(value))

    def _function_of_own(self, value: FunctionType) -> Any:
        closure = dict(zip(value.__code__.co_freevars, value.__closure__ or (), strict=True))
        found = {
            "function": value.__qualname__,
            "code": self._code(value.__code__),
            "defaults": self.read(value.__defaults__),
            "keywords": self.read(value.__kwdefaults__),
            "closure": self._named({name: cell.cell_contents for name, cell in closure.items() if _is_full(cell)}),
        }
        if not is_users(value):  # a library's, made while it runs: the version stands for what it reads
            return {**found, "library": library(value.__globals__["__name__"])}
        names = names_in(value.__code__)
        return {**found, "attributes": self._named(vars(value)), "reads": self._members(reads(value), names)}

    def _members(self, parts: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
        """What named parts are; of a module only what is among `names`."""
        modules = {name: part for name, part in parts.items() if isinstance(part, ModuleType)}
        others = {name: part for name, part in parts.items() if name not in modules}
        return self._named(others) | {name: self._module(modules[name], names) for name in sorted(modules)}

    def _module(self, value: ModuleType, names: frozenset[str] | None = None) -> Any:
        name = vars(value).get("__name__") or value.__name__  # the latter may import a lazy module
        home = library(name)
        if home is not None:
            return {"library": home, "name": name}
        parts = members_of_module(value, names)
        return self._met(value, lambda: {"module": name, "members": self._members(parts, names)}, names)

    def _code(self, value: CodeType) -> Any:
        """Instructions, constants and names, and not where they stand."""
        return {
            "instructions": value.co_code.hex(),
            "exceptions": getattr(value, "co_exceptiontable", b"").hex(),
            "constants": self._items(constants_of(value)),
            "names": [value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars],
            "arguments": [value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags],
        }

    def _method(self, value: MethodType) -> Any:
        return self._named({"method": value.__func__, "of": value.__self__})

    def _builtin(self, value: BuiltinFunctionType) -> Any:
        owner = value.__self__
        if owner is not None and not isinstance(owner, ModuleType):
            return {"method": value.__name__, "of": self.read(owner)}
        home = library(value.__module__ or "builtins")
        if home is None:
            raise NoIdentity("is compiled code of your own, which cannot be read: give what uses it a version")
        return {"library": home, "name": f"{value.__module__}.{value.__qualname__}"}

    def _class(self, value: type) -> Any:
        return {
            "class": value.__qualname__,
            "bases": self._items(value.__bases__),
            "members": self._named(members_of_class(value)),
        }

    def _said_by_owner(self, value: Identified) -> Any:
        said = value.identity()
        if said is None and isinstance(value, Data):  # it may have one once it is downloaded
            _, said = value.train, value.identity()
        if said is None:
            raise NoIdentity(f"is a {type(value).__name__}, whose identity() is None")
        return {"type": type(value).__qualname__, "is": self.read(said)}

    def _array(self, value: Any) -> Any:
        """Type, shape and content."""
        import numpy as np

        about = {"array": str(value.dtype), "shape": list(value.shape)}
        if value.dtype.hasobject:
            return {**about, "items": self._items(value.ravel().tolist())}
        content = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        return {**about, "content": hashlib.sha256(content.data).hexdigest()}

    def _object(self, value: Any) -> Any:
        """An object's class and state. A `version` stands for those parts of it that have no identity."""
        if id(value) in self.around:
            return {"around": self.around[id(value)]}
        self.around[id(value)] = len(self.around)
        try:
            return self._class_and_state(value)
        finally:
            del self.around[id(value)]

    def _class_and_state(self, value: Any) -> Any:
        version = _version_of(value)
        if version is None:
            return {"class": self.read(type(value)), "state": self._named(_parts(value))}
        state = {}
        for name, part in {"class": type(value), **_state_or_nothing(value)}.items():
            with contextlib.suppress(NoIdentity):
                state[name] = self.read(part)
        return {"type": type(value).__qualname__, "version": version, "state": state}

    def _met(self, value: Any, read: Callable[[], Any], how: Any = None) -> Any:
        key = id(value), how
        if key in self.met:
            return {"met": self.met[key][1]}
        self.met[key] = value, len(self.met)  # the value too: another must not get its id
        return read()

    def _once(self, value: Any, read: Callable[[_Reader], Any]) -> Any:
        """What a value is that takes time to read, whatever was met before."""
        if id(value) not in self.contents:
            self.contents[id(value)] = value, "around"
            try:
                self.contents[id(value)] = value, _digest(read(_Reader(self.contents)))
            except BaseException:
                del self.contents[id(value)]
                raise
        return {"content": self.contents[id(value)][1]}


def _parts(value: Any) -> dict[str, Any]:
    """An object's state; of data also the examples, which its code may have from anywhere."""
    # What `load` keeps in the object is there when its state is read, today as in the next run.
    examples = {"its train": value.train, "its test": value.test} if isinstance(value, Data) else {}
    try:
        return {**state_of(value), **examples}
    except NotCopied as error:
        fix = "give it identity() or a version"
        raise NoIdentity(f"is a {type(value).__name__}, which nothing tells from another ({error}): {fix}") from error


def _state_or_nothing(value: Any) -> dict[str, Any]:
    try:
        return state_of(value)
    except NotCopied:
        return {}


def has_identity(kind: type) -> bool:
    """Whether a class says by `identity()` what its objects are.

    One of ours does not speak for what a user's subclass adds to it, and a library's is something else.
    """
    owner = next((each for each in kind.__mro__ if "identity" in vars(each)), None)
    return owner is not None and library(owner.__module__) == library(kind.__module__) in (None, "tfcompress")


def _version_of(value: Any) -> str | int | float | None:
    """What an object of ours or of the user's counts by; a library's `version` is something else."""
    if library(type(value).__module__) not in (None, "tfcompress") or not isinstance(value, Versioned):
        return None
    return value.version if isinstance(value.version, str | int | float) else None


def _is_full(cell: Any) -> bool:
    """Whether a variable of an enclosing function has a value yet."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _of_file(path: Any) -> dict[str, Any] | None:
    """Path, size and time of change of a file; None when there is none."""
    try:
        found = os.stat(os.path.expanduser(path)) if path else None
    except (OSError, ValueError):  # too long, or with a character that no path has
        return None
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    return {"file": os.path.realpath(os.path.expanduser(path)), "size": found.st_size, "changed": found.st_mtime_ns}


def _of_folder(path: PurePath) -> dict[str, Any] | None:
    """All files in a folder; None when there is none."""
    top = os.path.realpath(os.path.expanduser(path))
    if not os.path.isdir(top):
        return None
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
    return {"folder": top, "files": _digest([_of_file(path) for path in sorted(paths)])}


_READERS: dict[type, Callable[[_Reader, Any], Any]] = {
    str: _Reader._text,
    bytes: _Reader._bytes,
    bytearray: _Reader._bytes,
    dict: _Reader._mapping,
    MappingProxyType: _Reader._mapping,
    list: _Reader._items,
    tuple: _Reader._items,
    set: _Reader._set,
    frozenset: _Reader._set,
    functools.partial: _Reader._partial,
    FunctionType: _Reader._function,
    MethodType: _Reader._method,
    BuiltinFunctionType: _Reader._builtin,
    CodeType: _Reader._code,
}
