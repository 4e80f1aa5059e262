"""Notes written into a .tflite and read back; what the file computes stays what it was."""

import io
import zipfile

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.examples.notes import Notes, TensorNotes
from tfcompress.measuring.file_run import FileRun
from tfcompress.measuring.notes.in_file import FileNotes, notes_in, with_notes
from tfcompress.measuring.notes.schema import ModelMetadata, TensorMetadata, packed, unpacked
from tfcompress.measuring.tflite import UnreadableFile

NOTES = Notes(
    {"": TensorNotes("pixels", scaling=((0.5, 1.0), (2.0, 4.0)), settings={"size": 8})},
    {"": TensorNotes("logits", labels=("cat", "dög"), vocabulary=("a", "b"))},
)
ABOUT = FileNotes("digits", "a network", "0.1.0", "digits", "ab12", NOTES)


@pytest.fixture(scope="module")
def content(trained, digits, tmp_path_factory):
    return tfc.Int8().convert(trained, digits, tmp_path_factory.mktemp("notes") / "a.tflite").path.read_bytes()


def test_notes_are_read_back(content):
    found = notes_in(with_notes(content, ABOUT))
    assert (found.name, found.description, found.version, found.recipe, found.recipe_sha256) == (
        "digits", "a network", "0.1.0", "digits", "ab12",
    )  # fmt: skip
    assert dict(found.notes.inputs) == {"image": NOTES.of_input("image")}
    assert dict(found.notes.outputs) == {"logits": NOTES.of_output("logits")}


def test_the_file_computes_what_it_did(content, digits):
    noted = with_notes(content, ABOUT)
    examples = {"image": digits.model_inputs(digits.test.inputs[:20])}
    before, after = (FileRun(each).outputs(examples)["logits"] for each in (content, noted))
    np.testing.assert_array_equal(before, after)


def test_notes_take_the_place_of_earlier_ones_and_are_the_same_bytes_again(content):
    other = FileNotes("other", "", "0.1.0")
    assert notes_in(with_notes(with_notes(content, ABOUT), other)).name == "other"
    assert with_notes(content, ABOUT) == with_notes(content, ABOUT)


def test_labels_lie_in_an_archive_behind_the_model(content):
    with zipfile.ZipFile(io.BytesIO(with_notes(content, ABOUT))) as archive:
        assert archive.read("labels.txt").decode() == "cat\ndög\n" and archive.namelist()[1] == "vocabulary.txt"


def test_a_file_without_notes_has_none_and_a_damaged_one_is_told(content):
    assert notes_in(content) is None
    noted = with_notes(content, ABOUT)
    place = noted.index(b"M001")
    with pytest.raises(UnreadableFile, match="metadata begins with"):
        notes_in(noted[:place] + b"X001" + noted[place + 4 :])
    with pytest.raises(UnreadableFile):
        notes_in(b"no model at all")


def test_the_schema_has_every_field():
    sound = TensorMetadata("sound", "samples", sample_rate=16000)
    words = TensorMetadata("words", "numbers", (("vocabulary.txt", 5), ("labels.txt", 2)), (1.5,), (2.0,))
    model = ModelMetadata("n", "d", "1", (sound, words), (TensorMetadata("y"),))
    assert unpacked(packed(model)) == model


def test_the_bytes_are_those_of_tflites_own_metadata():
    """The least model, as flatc of metadata_schema.fbs reads it: each field where the schema has it."""
    import flatbuffers

    data = bytearray(packed(ModelMetadata("n", "d", "1", (TensorMetadata("x", files=(("labels.txt", 2),)),), ())))
    assert data[4:8] == b"M001"
    root = flatbuffers.table.Table(data, int.from_bytes(data[:4], "little"))

    def field(table, number, vector=False):  # vtable slots begin at 4, two bytes each
        place = table.Offset(4 + 2 * number)
        start = table.Vector(place) if vector else table.Pos + place
        return flatbuffers.table.Table(data, table.Indirect(start))

    assert root.String(root.Pos + root.Offset(4)) == b"n" and root.String(root.Pos + root.Offset(18)) == b"1.3.0"
    tensor = field(field(root, 3, vector=True), 2, vector=True)  # subgraph_metadata, input_tensor_metadata
    file = field(tensor, 6, vector=True)  # associated_files
    assert file.String(file.Pos + file.Offset(4)) == b"labels.txt" and data[file.Pos + file.Offset(8)] == 2
