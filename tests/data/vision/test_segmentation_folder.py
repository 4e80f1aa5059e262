"""Pictures and masks as examples: forms of masks, tiles, what is wrong with files."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import tfcompress as tfc
from tfcompress.core.errors import DataCorrupt, DataUnavailable, InvalidValue, TfcompressError
from tfcompress.core.identity import fingerprint
from tfcompress.data.vision.masks import Coding, coding_of

VALUES = np.arange(64, dtype="uint8").reshape(8, 8)


def save(values, path, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = _palette(values) if mode == "P" else Image.fromarray(values)
    image.save(path)


def _palette(values):
    image = Image.new("P", values.shape[::-1])
    image.putpalette([channel for number in range(256) for channel in (number * 37 % 256, number * 91 % 256, 5)])
    image.putdata(values.ravel().tolist())
    return image


@pytest.fixture
def folder(tmp_path):
    """Five images of one brightness each, and masks of which the left half is class 1."""
    for number in range(5):
        save(np.full((8, 12, 3), 10 * number, "uint8"), tmp_path / "images" / f"{number}.png")
        mask = np.zeros((8, 12), "uint8")
        mask[:, :6] = 255
        save(mask, tmp_path / "masks" / f"{number}.png")
    return tmp_path


def test_black_and_white_masks_are_two_classes(folder):
    data = tfc.SegmentationFolder(folder, (4, 6, 3))
    pixels, masks = data.train.batch([0, 1])
    assert (data.num_classes, data.num_outputs, data.num_train, len(data.test)) == (2, 1, 4, 1)
    assert pixels.shape == (2, 4, 6, 3) and pixels.dtype == masks.dtype == np.uint8
    assert masks[0].tolist() == [[1, 1, 1, 0, 0, 0]] * 4
    assert data.task.ignore == 255 and data.validation is None


def test_an_image_in_both_splits_is_told(folder, remarks):
    for number in range(5):
        split = "test" if number > 2 else "train"
        for place in ("images", "masks"):
            (folder / split / place).mkdir(parents=True, exist_ok=True)
            (folder / place / f"{number}.png").rename(folder / split / place / f"{number}.png")
    first, second = folder / "train" / "images" / "0.png", folder / "test" / "images" / "4.png"
    second.write_bytes(first.read_bytes())
    _ = tfc.SegmentationFolder(folder, (4, 6, 3)).train
    assert remarks == [
        f"1 of 2 test images are training images too, {second} for one, which is {first}: figures come out better than "
        "they are"
    ]


def test_tiles_are_cut_from_picture_and_mask_alike(tmp_path):
    save(VALUES, tmp_path / "images" / "a.png")
    save(VALUES % 5, tmp_path / "masks" / "a.png")
    save(VALUES, tmp_path / "images" / "b.png")
    save(VALUES % 5, tmp_path / "masks" / "b.png")
    data = tfc.SegmentationFolder(tmp_path, (4, 4, 1), tiles=2, masks="indices")
    pixels, masks = data.train.batch(range(4))
    assert len(data.train) == data.num_train == 4
    np.testing.assert_array_equal(pixels[..., 0], VALUES.reshape(2, 4, 2, 4).swapaxes(1, 2).reshape(4, 4, 4))
    np.testing.assert_array_equal(masks, pixels[..., 0] % 5)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "1"])
def test_indices_are_read_however_the_mask_is_saved(tmp_path, mode):
    values = VALUES % (2 if mode == "1" else 3)
    path = tmp_path / "mask.png"
    if mode == "RGB":
        save(np.repeat(values[..., None], 3, -1), path)
    elif mode == "1":
        Image.fromarray(values.astype(bool)).save(path)
    else:
        save(values, path, mode)
    coding = coding_of([path], "auto", None)
    assert coding == Coding("indices", 2 if mode == "1" else 3)


def test_255_beside_indices_does_not_count(tmp_path):
    values = np.where(VALUES > 60, 255, VALUES % 2).astype("uint8")
    save(values, tmp_path / "mask.png")
    assert coding_of([tmp_path / "mask.png"], "auto", None) == Coding("indices", 2, ignores=True)
    task = tfc.Segmentation(ignore=255).bind((tfc.core.tasks.task.OutputSpec("logits", (None, 8, 8, 2)),))
    given_ = np.eye(2)[VALUES % 2][None]
    assert task.headline.function(values[None], given_) == 1.0


@pytest.mark.parametrize(
    ("values", "how", "message"),
    [
        (VALUES * 3, {}, "with 189, as shades of grey have it. Use masks=binary"),
        (VALUES % 3, {"num_classes": 2}, "classes from 0 to 1, .* with 2"),
        (np.dstack([VALUES, VALUES, VALUES * 2]), {}, "of colours, and nobody says which"),
        (VALUES.astype("uint16") * 300, {}, "whole numbers from 0 to 255. Received: .* up to 18900"),
    ],
    ids=["shades", "more classes than names", "colours", "16 bits"],
)
def test_masks_that_nobody_can_read_are_refused(tmp_path, values, how, message):
    save(values, tmp_path / "m.png")
    with pytest.raises(DataCorrupt, match=message):
        coding_of([tmp_path / "m.png"], how.get("kind", "auto"), how.get("num_classes"))


def test_shades_are_black_or_white_where_that_is_said(tmp_path):
    save(VALUES * 4, tmp_path / "images" / "a.png")
    save(VALUES * 4, tmp_path / "masks" / "a.png")
    save(VALUES, tmp_path / "images" / "b.png")
    save(VALUES, tmp_path / "masks" / "b.png")
    data = tfc.SegmentationFolder(tmp_path, (8, 8, 1), masks="binary", test_share=0.5)
    total = sum(int(split.batch([0])[1].sum()) for split in (data.train, data.test))
    assert total == int((VALUES >= 32).sum())


def test_validation_pictures_are_kept_for_a_search(tmp_path):
    for number, split in enumerate(("train", "train", "val", "test")):
        save(VALUES + number, tmp_path / split / "images" / f"{number}.png")
        save(VALUES % 2, tmp_path / split / "masks" / f"{number}.png")
    data = tfc.SegmentationFolder(tmp_path, (8, 8, 1))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [2, 1, 1]
    assert data.validation.batch([0])[0][0, 0, 0, 0] == 2 and data.test.batch([0])[0][0, 0, 0, 0] == 3


def test_a_turned_photo_fits_its_upright_mask(tmp_path):
    turned = Image.new("L", (12, 8))
    exif = turned.getexif()
    exif[0x0112] = 6
    for number in range(2):
        save(np.zeros((12, 8), "uint8"), tmp_path / "masks" / f"{number}.png")
        (tmp_path / "images").mkdir(exist_ok=True)
        turned.save(tmp_path / "images" / f"{number}.jpg", exif=exif)
    tfc.SegmentationFolder(tmp_path, (4, 4, 1)).require()


def test_a_mask_of_another_size_is_named_with_both_sizes(folder):
    save(np.zeros((8, 11), "uint8"), folder / "masks" / "3.png")
    with pytest.raises(DataCorrupt, match=r"3.png of 12x8 and .*3.png of 11x8"):
        tfc.SegmentationFolder(folder).require()


def test_a_picture_of_20000_pixels_by_20000_is_refused_before_it_is_unpacked(folder):
    path = folder / "images" / "2.png"
    header = b"IHDR" + struct.pack(">II", 20_000, 20_000) + path.read_bytes()[24:29]
    path.write_bytes(path.read_bytes()[:12] + header + struct.pack(">I", zlib.crc32(header)) + path.read_bytes()[33:])
    with pytest.raises(DataCorrupt, match="2.png, which cannot .*400000000 pixels.*at most 89,478,485 are read"):
        tfc.SegmentationFolder(folder).require()


def test_a_long_picture_of_20000_pixels_is_read(folder):
    for place in ("images", "masks"):
        Image.new("L", (20_000, 3)).save(folder / place / "2.png")
    data = tfc.SegmentationFolder(folder, (2, 8, 1))
    assert data.train.batch(range(4))[0].shape == (4, 2, 8, 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(["images", "masks"]), cut=st.integers(0, 120), noise=st.binary(max_size=8))
def test_damaged_files_are_one_line_or_are_read(folder, place, cut, noise):
    path = folder / place / "1.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + noise + whole[cut + len(noise) :][: max(0, len(whole) - cut - 9)])
    try:
        data = tfc.SegmentationFolder(folder, (4, 4, 3))
        data.train.batch(range(4)), data.test.batch([0])
    except TfcompressError as error:
        assert isinstance(error, DataCorrupt) and "\n" not in str(error) and "1.png" in str(error)
    finally:
        path.write_bytes(whole)


def test_what_makes_examples_is_in_the_identity(folder):
    first = fingerprint(tfc.SegmentationFolder(folder))
    assert first == fingerprint(tfc.SegmentationFolder(folder)) != fingerprint(tfc.SegmentationFolder(folder, tiles=2))
    save(np.full((8, 12), 255, "uint8"), folder / "masks" / "1.png")
    assert fingerprint(tfc.SegmentationFolder(folder)) != first


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"input_shape": (8, 8, 2)}, "input_shape must be"),
        ({"tiles": 0}, "tiles must be from 1 to 64"),
        ({"masks": "colours"}, "masks must be auto, binary or indices"),
        ({"classes": ("road",)}, "classes must be from 2"),
        ({"scaling": "torch", "input_shape": (8, 8, 1)}, "scaling must be one of"),
        ({"scaling": "caffe"}, "scaling must be one of"),
        ({"num_examples": 0}, "num_examples must be at least 1"),
    ],
)
def test_settings_out_of_range(how, message):
    with pytest.raises(InvalidValue, match=message):
        tfc.SegmentationFolder("x", **how)


@pytest.mark.parametrize("masks", ["binary", "auto"])
def test_three_names_for_black_and_white_are_refused(folder, masks):
    with pytest.raises(InvalidValue, match="two names"):
        _ = tfc.SegmentationFolder(folder, classes=("a", "b", "c"), masks=masks).coding


def test_nothing_left_to_train_on_is_said(tmp_path):
    save(VALUES, tmp_path / "test" / "images" / "a.png")
    save(VALUES % 2, tmp_path / "test" / "masks" / "a.png")
    with pytest.raises(DataUnavailable, match="leave images to train on"):
        tfc.SegmentationFolder(tmp_path).require()


def test_notes_say_how_pixels_are_scaled_and_what_the_output_is(folder):
    notes = tfc.SegmentationFolder(folder, (8, 8, 3), scaling="-1..1").notes()
    assert notes.of_input("picture").scaling == ((127.5,), (127.5,))
    assert "above 0" in notes.of_output("logits").meaning
