import pytest

from tfcompress.cli import recipe_file
from tfcompress.core.errors import InvalidRecipe, InvalidValue, UnknownRecipe, UnknownSetting
from tfcompress.core.settings import Settings

MINE = '''"""My recipe.

More of it.
"""
from dataclasses import dataclass
import tfcompress as tfc

@dataclass(frozen=True)
class Settings(tfc.Settings):
    width: int = tfc.setting(16, "channels")

def recipe(settings):
    data = tfc.Digits()
    return tfc.Recipe(data, (), {}, (), seed=settings.width)
'''


@pytest.fixture
def write(tmp_path):
    def make(text, name="mine.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return make


def test_the_built_in_ones_are_the_files_in_recipes():
    assert {"digits", "cifar10", "cifar10_classic"} <= set(recipe_file.built_in())
    assert list(recipe_file.built_in()) == sorted(recipe_file.built_in())


@pytest.mark.parametrize("name", recipe_file.built_in())
def test_each_says_in_one_line_what_it_does(name):
    line = recipe_file.summary(recipe_file.built_in()[name])
    assert 20 < len(line) <= 120
    assert recipe_file.load(name).summary == line


def test_the_summary_is_read_without_running_the_file(tmp_path):
    (tmp_path / "x.py").write_text('"""First.\n\nSecond."""\nraise SystemExit\n')
    assert recipe_file.summary(tmp_path / "x.py") == "First."


def test_a_file_of_the_users_own_is_loaded_by_its_path(write):
    file = recipe_file.load(write(MINE))
    assert (file.name, file.summary) == ("mine", "My recipe.")
    assert file.recipe(file.settings({"width": "8", "epochs": "3"})).seed == 8


def test_a_file_may_end_in_anything(write):
    assert recipe_file.load(write(MINE, "mine.recipe")).name == "mine"


def test_a_file_without_settings_has_those_of_every_recipe(write):
    file = recipe_file.load(write(MINE.replace("class Settings", "class Unused").replace("width)", "seed)")))
    assert file.settings_class is Settings
    assert file.recipe(file.settings({"seed": "3"})).seed == 3


def test_wrong_settings_are_told_with_the_name_of_the_recipe(write):
    file = recipe_file.load(write(MINE))
    with pytest.raises(UnknownSetting, match=r"mine has no setting 'widht'\. Did you mean width\?"):
        file.settings({"widht": "8"})
    with pytest.raises(InvalidValue, match="mine: width must be a whole number"):
        file.settings({"width": "wide"})


def test_help_tells_each_setting_with_default_and_meaning(write):
    text = recipe_file.load(write(MINE)).settings_help()
    assert text.startswith("My recipe.\n")
    assert "  width=16                    channels\n" in text
    assert "  epochs=10 " in text


@pytest.mark.parametrize(
    ("name", "hint"), [("digit", "Did you mean digits?"), ("zzz", "Use one of anomaly_csv, audio_folder, ")]
)
def test_an_unknown_name_is_told_with_the_nearest_or_all(name, hint):
    with pytest.raises(UnknownRecipe) as caught:
        recipe_file.load(name)
    assert f"There is no recipe and no file {name!r}. {hint}" in str(caught.value)


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(UnknownRecipe):
        recipe_file.load(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def recipe(:", "SyntaxError: invalid syntax"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("\0", "source code "),
    ],
)
def test_a_file_that_cannot_be_run_is_told_with_the_reason(write, text, reason):
    with pytest.raises(InvalidRecipe) as caught:
        recipe_file.load(write(text))
    assert "mine.py cannot be read as a recipe: " in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", ["", "recipe = 3", '"""Only words."""'])
def test_a_file_without_a_recipe_is_told_what_to_define(write, text):
    with pytest.raises(InvalidRecipe, match=r"must define recipe\(settings\) -> tfcompress.Recipe"):
        recipe_file.load(write(text))


def test_an_error_in_the_files_own_code_is_told_as_such(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def recipe(settings):\n    return settings.widht\n")
    file = recipe_file.load(str(path))
    with pytest.raises(InvalidRecipe, match="recipe\\(\\) of mine ended in an error: AttributeError"):
        file.recipe(file.settings({}))


@pytest.mark.parametrize("raised", ["BaseException('all of it')", "SystemExit(0)", "GeneratorExit"])
def test_whatever_a_recipe_raises_is_its_own(write, raised):
    text = MINE.replace("    data = tfc.Digits()", f"    raise {raised}\n    data = tfc.Digits()")
    file = recipe_file.load(write(text))
    with pytest.raises(InvalidRecipe, match="^recipe.. of mine ended in an error: "):
        file.recipe(file.settings({}))
    with pytest.raises(InvalidRecipe, match="cannot be read as a recipe"):
        recipe_file.load(write(f"raise {raised}\n"))


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("5", "must give a tfcompress.Recipe. Received: 5."),
        ("tfc.Recipe(data, 3, {}, ())", "must give stages, a tuple of tfcompress.Stage"),
        ("tfc.Recipe(data, (), [], ())", "exports, a mapping of stages' names"),
        ("tfc.Recipe(3, (), {}, ())", "Recipe.data of mine must be Data. Received: 3"),
    ],
)
def test_what_is_no_recipe_is_refused(write, returned, words):
    text = MINE.replace("tfc.Recipe(data, (), {}, (), seed=settings.width)", returned)
    file = recipe_file.load(write(text))
    with pytest.raises(InvalidRecipe, match=words.replace("(", ".").replace(")", ".")):
        file.recipe(file.settings({}))


@pytest.mark.parametrize(
    "text",
    [
        MINE.replace("@dataclass(frozen=True)", ""),
        MINE.replace("(frozen=True)", ""),
        MINE.replace("(tfc.Settings)", ""),
        MINE.replace("class Settings", "Settings = 3\nclass Other"),
    ],
)
def test_settings_that_are_no_frozen_dataclass_of_ours_are_refused(write, text):
    with pytest.raises((InvalidRecipe, TypeError), match="mine.Settings must be a frozen|cannot be read as|non-frozen"):
        recipe_file.load(write(text)).settings({})
