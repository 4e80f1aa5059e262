"""A found recipe as a file."""

import dataclasses

import pytest

import tfcompress as tfc
from tfcompress.cli import recipe_file
from tfcompress.core.errors import InvalidRecipe
from tfcompress.searching.found.written import written


def test_the_text_is_the_recipes_own_with_other_defaults(tmp_path):
    file = recipe_file.load("digits")
    source = recipe_file.built_in()["digits"].read_text()
    settings = dataclasses.replace(file.settings({}), final_sparsity=0.9, seed=3)
    text = written(source, settings, ("Found by: me",))
    changed = [line for line in text.splitlines() if line not in source.splitlines()]
    assert len(changed) == 3
    assert changed[0] == "# Found by: me" and changed[1].strip().startswith("0.9, ")
    assert changed[2].startswith("    seed: int = tfc.setting(3, ")
    path = tmp_path / "best.py"
    path.write_text(text)
    again = recipe_file.load(str(path))
    assert dataclasses.asdict(again.settings({})) == dataclasses.asdict(settings)
    assert again.summary == file.summary


def test_nothing_found_changes_nothing():
    source = recipe_file.built_in()["cifar10"].read_text()
    assert written(source, recipe_file.load("cifar10").settings({})) == source


def test_letters_of_several_bytes_do_not_shift_the_rest():
    source = 'import tfcompress as tfc\nclass Settings(tfc.Settings):\n    a: str = tfc.setting("ü", "ä")\n'

    @dataclasses.dataclass(frozen=True)
    class Settings(tfc.Settings):
        a: str = tfc.setting("ü", "ä")

    assert 'a: str = tfc.setting("öö", "ä")' in written(source, Settings(a="öö"))


def test_a_file_without_settings_is_refused():
    with pytest.raises(InvalidRecipe, match="must have a class Settings"):
        written("x = 1", tfc.Settings())
