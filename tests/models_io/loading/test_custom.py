"""A user's own layers, from a dictionary or from a Python file."""

import pytest

import tfcompress as tfc

SOURCE = """
import keras

class Shift(keras.layers.Layer):
    def build(self, shape):
        self.shift = self.add_weight(shape=(shape[-1],), initializer="ones", name="shift")

    def call(self, x):
        return x + self.shift
"""


@pytest.fixture
def saved(tmp_path, keras3):
    """A model with a layer that is registered nowhere, and the file that defines it."""
    (tmp_path / "layers_of_mine.py").write_text(SOURCE)
    mine = tfc.custom_objects_from(tmp_path / "layers_of_mine.py")
    inputs = keras3.Input((4,))
    keras3.Model(inputs, keras3.layers.Dense(2)(mine["Shift"](name="shift")(inputs))).save(tmp_path / "model.keras")
    return tmp_path


def test_an_unknown_class_is_named_with_its_layer_and_what_to_do(saved, message):
    said = message(tfc.UnsupportedModel, lambda: tfc.load_model(saved / "model.keras"))
    assert "'Shift'" in said and "'shift'" in said and "--custom FILE" in said


def test_comes_in_with_the_file(saved, tmp_path):
    mine = tfc.custom_objects_from(saved / "layers_of_mine.py")
    arrival = tfc.load_with_report(saved / "model.keras", custom_objects=mine)
    assert arrival.largest_difference < 1e-4
    assert list(arrival.hosted) == ["shift"]


def test_a_file_that_fails_says_how(tmp_path, message):
    (tmp_path / "broken.py").write_text("1 / 0")
    assert "ZeroDivisionError" in message(tfc.UnreadableModel, lambda: tfc.custom_objects_from(tmp_path / "broken.py"))


def test_a_file_without_classes_is_refused(tmp_path, message):
    (tmp_path / "empty.py").write_text("x = 1")
    assert "defines none" in message(tfc.InvalidValue, lambda: tfc.custom_objects_from(tmp_path / "empty.py"))


def test_a_layer_that_its_settings_cannot_make_is_refused(keras3, message):
    class Forgetful(keras3.layers.Layer):
        def __init__(self, tool, **kwargs):
            super().__init__(**kwargs)

        def call(self, x):
            return x + 1

    inputs = keras3.Input((4,))
    model = keras3.Model(inputs, Forgetful(object(), name="forgetful")(inputs))
    said = message(tfc.UnsupportedModel, lambda: tfc.load_model(model))
    assert "'forgetful'" in said and "get_config()" in said


def test_a_file_may_import_what_lies_beside_it(saved):
    (saved / "beside.py").write_text("from layers_of_mine import Shift as Origin\nclass Shift(Origin): pass\n")
    assert list(tfc.custom_objects_from(saved / "beside.py")) == ["Shift"]
