"""Recordings of a user's own in folders of classes, and the spoken digits of an archive."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.errors import DataCorrupt, DataUnavailable
from tfcompress.core.identity import fingerprint

from .test_recording import write

FORM = tfc.LogMel(8000, seconds=0.25)
PITCH = {"low": 400, "high": 2000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight tones of each pitch, two by each of four speakers."""
    root = tmp_path_factory.mktemp("words")
    for label, hz in PITCH.items():
        (root / label).mkdir()
        for number in range(8):
            samples = 0.5 * np.sin(2 * np.pi * (hz + 20 * number) * np.arange(2000) / 8000)
            write(root / label / f"speaker{number % 4}_{number}.wav", samples)
    return root


def test_a_folder_of_classes(folder):
    data = tfc.AudioFolder(folder, FORM, test_share=0.25)
    assert data.class_names == ("high", "low") and data.num_train == 12 and len(data.test) == 4
    spectrograms, labels = data.test.batch(range(4))
    assert spectrograms.shape == (4, *FORM.shape) and sorted(labels) == [0, 0, 1, 1]
    np.testing.assert_allclose(FORM.features(data.sample_clips(9)), spectrograms, atol=1e-5)
    np.testing.assert_allclose(FORM.features(data.test_clips([1, 0])), data.test.batch([1, 0])[0], atol=1e-5)
    notes = data.notes()
    assert notes.of_output("logits").labels == ("high", "low")
    assert notes.of_input("x").settings["log_mel"]["sample_rate"] == 8000


def test_speakers_are_in_one_split_alone(folder):
    data = tfc.AudioFolder(folder, FORM, test_share=0.25, groups="name")
    speakers = [{path.stem.partition("_")[0] for path in part.paths} for part in (data.train, data.test)]
    assert len(speakers[1]) == 1 and not speakers[0] & speakers[1]


def test_another_file_is_other_data(folder):
    same = [fingerprint(tfc.AudioFolder(folder, FORM)) for _ in range(2)]
    assert same[0] == same[1] != fingerprint(tfc.AudioFolder(folder, FORM, seed=1))
    write(folder / "low" / "new.wav", np.zeros(500))
    assert fingerprint(tfc.AudioFolder(folder, FORM)) != same[0]
    (folder / "low" / "new.wav").unlink()


@pytest.mark.parametrize("is_copied", [True, False], ids=["copied", "another"])
def test_a_recording_in_both_splits_is_told(tmp_path, remarks, is_copied):
    loud = {"train/low": 0.1, "train/high": 0.2, "test/high": 0.3, "test/low": 0.1 if is_copied else 0.4}
    for name, value in loud.items():
        (tmp_path / name).mkdir(parents=True)
        # All of one length, and silent at both ends: the first and last bytes of the file do not tell them apart.
        samples = np.zeros(12000)
        samples[6000:6100] = value
        write(tmp_path / name / "a.wav", samples)
    _ = tfc.AudioFolder(tmp_path, FORM).train
    first, second = (tmp_path / split / "low" / "a.wav" for split in ("train", "test"))
    told = f"1 of 2 test recordings are training recordings too, {second} for one, which is {first}: figures come out "
    assert remarks == ([told + "better than they are"] if is_copied else [])


def test_what_is_wrong_is_one_line(folder, tmp_path):
    with pytest.raises(DataUnavailable, match="must hold recordings of two classes at least"):
        tfc.AudioFolder(folder / "low", FORM).require()
    with pytest.raises(DataUnavailable, match="None there"):
        tfc.AudioFolder(tmp_path / "no", FORM).require()
    with pytest.raises(tfc.InvalidValue, match="AudioFolder.classes must name every class.* without low"):
        tfc.AudioFolder(folder, FORM, classes=("high", "deep")).require()
    table = tmp_path / "list.csv"
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    table.write_text(f"path,label,split\nbad.wav,a,train\n{folder / 'low' / 'speaker0_0.wav'},b,test\n")
    data = tfc.AudioFolder(table, FORM)
    data.require()
    with pytest.raises(DataCorrupt, match=r"bad\.wav, which cannot"):
        data.train.batch([0])


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive as FSDD's, of noise."""
    path = tmp_path_factory.mktemp("archive") / "fsdd.npz"
    audio = np.random.default_rng(0).integers(-9000, 9000, 60 * 2500).astype("int16")
    numbers = np.arange(60)
    np.savez(
        path,
        audio=audio,
        offsets=np.arange(61) * 2500,
        digit=(numbers % 10).astype("uint8"),
        speaker=np.array(["ann", "bob", "eve"])[numbers // 20],
        is_test=numbers % 5 == 0,
    )
    return path


def test_spoken_digits_by_the_official_split_or_by_speaker(archive):
    data = tfc.SpokenDigits(archive)
    assert (data.num_train, len(data.test), data.input_shape) == (48, 12, (61, 40, 1))
    held = tfc.SpokenDigits(archive, held_out="bob")
    assert (held.num_train, len(held.test)) == (40, 20)
    assert len(tfc.SpokenDigits(archive, num_examples=7).train) == 7
    np.testing.assert_array_equal(data.features.features(data.sample_clips(12)), data.test.inputs)
    np.testing.assert_array_equal(data.test_clips([3, 1]), data.sample_clips(4)[[3, 1]])
    with pytest.raises(tfc.InvalidValue, match="held_out must be a speaker.*'tom'. Use one of: ann, bob, eve"):
        tfc.SpokenDigits(archive, held_out="tom").require()


def test_an_archive_of_something_else_is_told(archive, tmp_path):
    with pytest.raises(DataUnavailable, match=r"an \.npz file of recordings\. Received: .*There is none"):
        tfc.SpokenDigits(tmp_path / "no.npz").require()
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("other.npz", "text.npz"):
        with pytest.raises(DataCorrupt, match="file with audio, offsets"):
            tfc.SpokenDigits(tmp_path / name).require()


def test_speech_commands_are_known_without_a_download(tmp_path):
    data = tfc.SpeechCommands(str(tmp_path))
    assert (data.num_train, data.num_classes, data.input_shape) == (85_511, 12, (61, 40, 1))
    assert data.identity() is None  # not prepared
