import json
import zlib

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.models_io.packing import _LENGTHS, _START

layers = keras.layers


@pytest.fixture(scope="module")
def coded(trained):
    return tfc.QuantizeKernels(tfc.Codebook(16)).apply(trained)


@pytest.fixture
def file(coded, tmp_path):
    return tfc.save_packed(coded, tmp_path / "model.tfcp").path


def same(one, other):
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_comes_back_to_the_bit_and_answers_the_same(coded, file, digits):
    loaded = tfc.load_packed(file)
    same(loaded, coded)
    inputs = digits.model_inputs(digits.test.inputs[:50])
    np.testing.assert_array_equal(loaded(inputs), coded(inputs))


def test_it_is_as_small_as_its_bits(coded, trained, tmp_path):
    artifact = tfc.save_packed(coded, tmp_path / "coded.tfcp")
    kernels = [weight.size for weight in coded.get_weights() if weight.ndim > 1]
    others = sum(weight.size for weight in coded.get_weights()) - sum(kernels)
    architecture = 2000  # bytes at most, by zlib
    assert artifact.raw_bytes <= sum(kernels) / 2 + len(kernels) * 16 * 4 + others * 4 + architecture
    assert artifact.raw_bytes < tfc.save_packed(trained, tmp_path / "float.tfcp").raw_bytes / 5
    assert (artifact.mode, artifact.raw_bytes) == ("packed", artifact.path.stat().st_size)


def test_zeros_make_it_smaller_still(sparse, coded, tmp_path):
    pruned = tfc.QuantizeKernels(tfc.Codebook(16)).apply(sparse)
    smaller, larger = (tfc.save_packed(model, tmp_path / "model.tfcp").raw_bytes for model in (pruned, coded))
    assert smaller < 0.85 * larger


def test_a_model_that_is_not_quantized_comes_back_too(trained, tmp_path):
    same(tfc.load_packed(tfc.save_packed(trained, tmp_path / "model.tfcp").path), trained)


def test_other_layers_come_back_too(tmp_path):
    inner = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3, return_sequences=True, name="memory")], name="inner")
    inputs = keras.Input((5,), dtype="int32")
    x = inner(layers.Embedding(7, 4)(inputs))
    x = layers.BatchNormalization()(layers.Conv1D(3, 2)(layers.LayerNormalization()(x)))
    model = keras.Model(inputs, [layers.Dense(2)(layers.GlobalMaxPool1D()(x)), layers.Flatten()(x)])
    tokens = np.arange(10).reshape(2, 5) % 7
    loaded = tfc.load_packed(tfc.save_packed(model, tmp_path / "model.tfcp").path)
    for ours, theirs in zip(loaded(tokens), model(tokens), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_nothing_half_written_is_left_and_an_old_file_stays_whole(coded, file, monkeypatch):
    before = file.read_bytes()

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tfcompress.models_io.packing.os.replace", fails)
    from tfcompress.core.errors import OutputFull

    with pytest.raises(OutputFull):
        tfc.save_packed(coded, file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_any_flipped_bit_is_found(file, tmp_path):
    whole = file.read_bytes()
    for position in np.random.default_rng(0).integers(0, len(whole), 60):
        broken = bytearray(whole)
        broken[position] ^= 1 << (position % 8)
        (tmp_path / "broken").write_bytes(broken)
        with pytest.raises(tfc.UnreadableModel, match="broken"):
            tfc.load_packed(tmp_path / "broken")


@pytest.mark.parametrize("length", [0, 3, 4, 20, 45, 46, 1000, -1])
def test_a_cut_file_is_refused(length, file, tmp_path):
    (tmp_path / "cut").write_bytes(file.read_bytes()[:length])
    with pytest.raises(tfc.UnreadableModel, match="cut"):
        tfc.load_packed(tmp_path / "cut")


def test_a_missing_file_and_one_of_another_kind_are_refused(tmp_path):
    with pytest.raises(tfc.UnreadableModel, match="No such file"):
        tfc.load_packed(tmp_path / "none")
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(tfc.UnreadableModel, match="no file of save_packed"):
        tfc.load_packed(tmp_path / "zip")


def test_a_newer_version_is_told(file):
    data = bytearray(file.read_bytes())
    data[4] = 2
    file.write_bytes(data)
    with pytest.raises(tfc.UnreadableModel, match="version 2 .* newer tfcompress"):
        tfc.load_packed(file)


def forged(file, change):
    """A file whose checksum is right and whose header is not what `save_packed` writes."""
    import hashlib

    data = file.read_bytes()
    length, _ = _LENGTHS.unpack_from(data, _START.size)
    begin = _START.size + _LENGTHS.size
    header = json.loads(zlib.decompress(data[begin : begin + length]))
    change(header)
    text = json.dumps(header).encode()
    packed = zlib.compress(text)
    rest = _LENGTHS.pack(len(packed), len(text)) + packed + data[begin + length :]
    file.write_bytes(_START.pack(b"TFCP", 1, hashlib.sha256(rest).digest()) + rest)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.pop("model"),
        lambda header: header.pop("weights"),
        lambda header: header["weights"].pop(),
        lambda header: header["weights"][0].update(shape=[1, 2]),
        lambda header: header["weights"][0].update(num_bytes=3),
        lambda header: header.update(model=None),
        lambda header: header.update(weights=[1]),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(change, file):
    forged(file, change)
    with pytest.raises(tfc.UnreadableModel, match="no model that can be made"):
        tfc.load_packed(file)


def test_a_class_from_elsewhere_is_refused(file):
    forged(file, lambda header: header["model"].update(class_name="os.system"))
    with pytest.raises(tfc.UnsupportedModel, match="load_packed.custom_objects must bring .* 'os.system'"):
        tfc.load_packed(file)


def test_a_header_that_claims_to_be_huge_is_refused(file):
    import hashlib

    rest = _LENGTHS.pack(10, 0xFFFFFFFF) + zlib.compress(b"{}")
    file.write_bytes(_START.pack(b"TFCP", 1, hashlib.sha256(rest).digest()) + rest)
    with pytest.raises(tfc.UnreadableModel, match="header"):
        tfc.load_packed(file)


def test_code_in_a_file_is_refused_unless_it_is_trusted(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Lambda(lambda x: x * 2)(inputs))
    path = tfc.save_packed(model, tmp_path / "model.tfcp").path
    with pytest.raises(tfc.UnsupportedModel, match="Python bytecode that the file holds"):
        tfc.load_packed(path)
    np.testing.assert_array_equal(tfc.load_packed(path, safe_mode=False)(np.ones((1, 3))), [[2, 2, 2]])


def test_a_quantization_aware_model_is_refused(aware, tmp_path):
    with pytest.raises(tfc.UnsupportedModel, match="Int8"):
        tfc.save_packed(aware, tmp_path / "model.tfcp")
