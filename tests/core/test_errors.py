import ast
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfcompress.core import errors

ROOT = Path(__file__).parents[2]
CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, errors.TfcompressError)
}


def drawn():
    """(name, parent, exit code or None) of each line of the tree in the docstring."""
    parents, lines = {-1: None}, []
    for line in errors.__doc__.split("```")[1].strip().splitlines():
        prefix, name, code = re.match(r"([│├└─ ]*)(\w+) *(\d+)?", line).groups()
        depth = len(prefix) // 4
        parents[depth] = name
        lines.append((name, parents[depth - 1], int(code) if code else None))
    return lines


def test_the_tree_in_the_docstring_is_the_tree_of_classes():
    tree = {name: parent for name, parent, _ in drawn() if name not in ("Interrupted", "Terminated")}
    bases = {
        name: next((base.__name__ for base in kind.__bases__ if base.__name__ in CLASSES), None)
        for name, kind in CLASSES.items()
    }
    assert tree == bases


def test_the_exit_codes_in_the_docstring_are_those_of_the_classes():
    codes = {name: code for name, _, code in drawn() if code is not None}
    assert codes.pop("Interrupted") == errors.INTERRUPTED_EXIT_CODE
    assert codes.pop("Terminated") == errors.TERMINATED_EXIT_CODE
    own = {name: kind.exit_code for name, kind in CLASSES.items() if "exit_code" in vars(kind)}
    assert codes == own


def test_no_two_kinds_share_an_exit_code():
    codes = [kind.exit_code for kind in CLASSES.values() if "exit_code" in vars(kind)]
    assert len(codes) == len(set(codes))


def test_every_exit_code_stands_in_the_help():
    from tfcompress.cli import recipe, search, verify

    told = {
        int(code)
        for module in (recipe, search, verify)
        for code in re.findall(r"\b(\d+) [a-z]", module.EXAMPLES.partition("exit codes:")[2])
    }
    codes = {kind.exit_code for kind in CLASSES.values()} - {1}  # 1 is a bug, or a family without a code of its own
    assert told == codes | {0, errors.INTERRUPTED_EXIT_CODE, errors.TERMINATED_EXIT_CODE}


def test_a_bad_argument_is_a_value_error():
    assert issubclass(errors.InvalidValue, ValueError)


def test_expect_says_owner_field_expectation_value_and_fix():
    owner = SimpleNamespace(rate=1.2)
    with pytest.raises(errors.InvalidValue) as caught:
        errors.expect(False, owner, "rate", "must be in [0, 1)", "Use 0.5.")
    assert str(caught.value) == "SimpleNamespace.rate must be in [0, 1). Received: 1.2. Use 0.5."


def test_expect_is_silent_when_the_condition_holds():
    assert errors.expect(True, SimpleNamespace(rate=1.2), "rate", "", "") is None


PLACES = [path for room in ("tfcompress", "recipes") for path in sorted((ROOT / room).rglob("*.py"))]


def messages(source):
    """The (line, text) of each message of our classes that is written where it is raised."""
    ours = {*CLASSES, "UnreadableFile"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ours and node.args:
            parts = getattr(node.args[0], "values", [node.args[0]])
            if all(isinstance(part, ast.Constant | ast.FormattedValue) for part in parts):
                yield (
                    node.lineno,
                    "".join(getattr(part, "value", "") if isinstance(part, ast.Constant) else "{}" for part in parts),
                )


def says_what_to_do(message):
    """Whether a sentence follows what came: how to fix it, which may be worked out elsewhere, as "{}"."""
    return bool(re.search(r"[.})] ([A-Z{`]|--)|; ", message.partition("Received: ")[2] or message))


@pytest.mark.parametrize("path", PLACES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_message_says_what_to_do(path):
    assert [each for each in messages(path.read_text(encoding="utf-8")) if not says_what_to_do(each[1])] == []


def test_a_message_that_stops_at_what_came_is_found():
    source = (
        'raise InvalidValue(f"{a} must be a file. Received: {b}, {c!r}.")\nraise InvalidValue(f"It is {a}, not {b}.")'
    )
    found = list(messages(source))
    assert [line for line, _ in found] == [1, 2]
    assert not any(says_what_to_do(text) for _, text in found)
    assert says_what_to_do("{} must be a file. Received: {}, {}. Look at its name.")
