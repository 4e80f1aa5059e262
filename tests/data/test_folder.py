import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from tfcompress.core.describe import describe
from tfcompress.core.errors import DataCorrupt, DataUnavailable, InvalidValue
from tfcompress.core.identity import fingerprint
from tfcompress.core.tasks.presets import Classification
from tfcompress.data import images
from tfcompress.data.folder import ImageFolder
from tfcompress.data.images import read_images

COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}


@pytest.fixture
def photos(tmp_path):
    """Ten images of each colour; an image's size and brightness are its number's."""
    for name, colour in COLOURS.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(10):
            shade = tuple(max(0, channel - number) for channel in colour)
            Image.new("RGB", (20 + number, 30), shade).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def pixels(split):
    """All images of a split."""
    return split.batch(range(len(split)))[0]


def test_a_share_of_each_class_is_kept_for_the_test_split(photos):
    data = ImageFolder(photos, (8, 6, 3), test_share=0.3)
    assert (data.class_names, data.num_classes, data.num_train) == (("blue", "green", "red"), 3, 21)
    assert pixels(data.train).shape == (21, 8, 6, 3) and pixels(data.train).dtype == np.uint8
    assert [np.bincount(split.targets).tolist() for split in (data.train, data.test)] == [[7, 7, 7], [3, 3, 3]]
    for split in (data.train, data.test):  # blue is class 0 and the last channel
        np.testing.assert_array_equal(pixels(split)[:, 0, 0].argmax(-1), 2 - split.targets)


def test_no_picture_is_in_both_splits(photos):
    data = ImageFolder(photos, (1, 1, 3))
    seen = [{tuple(pixel) for pixel in pixels(split)[:, 0, 0].tolist()} for split in (data.train, data.test)]
    assert len(seen[0]) == 24 and len(seen[1]) == 6 and not seen[0] & seen[1]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "b9 r1 g3 b6 g9 r9"),
        ({"seed": 1, "test_share": 0.3, "num_examples": 5}, "g0 r3 g7 r5 b1"),
    ],
    ids=["seed 0", "seed 1"],
)
def test_the_split_is_the_seeds(photos, settings, expected):
    test = ImageFolder(photos, (1, 1, 3), **settings).test
    assert " ".join(path.parent.name[0] + path.stem for path in test.paths) == expected  # as version 0.1 drew them


def test_splits_that_are_given_are_kept(photos):
    (photos / "val").mkdir()
    (photos / "train").mkdir()
    for name in COLOURS:
        (photos / name).rename(photos / "train" / name)
    (photos / "val" / "red").mkdir()
    (photos / "train" / "red" / "0.png").rename(photos / "val" / "red" / "0.png")
    data = ImageFolder(photos, (4, 4, 3))
    assert (data.num_train, len(data.test), data.test.targets.tolist()) == (29, 1, [2])


def test_num_examples_are_drawn_from_all_classes(photos):
    data = ImageFolder(photos, (4, 4, 3), num_examples=6)
    assert (data.num_train, len(data.test)) == (6, 6)
    assert len(set(data.train.targets)) > 1


def test_classes_can_be_put_in_the_models_order(photos):
    data = ImageFolder(photos, (4, 4, 3), classes=("red", "green", "blue", "grey"))
    assert data.num_classes == 4
    np.testing.assert_array_equal(pixels(data.train)[:, 0, 0].argmax(-1), data.train.targets)


def test_a_class_that_is_not_named_is_refused(photos):
    with pytest.raises(InvalidValue, match="Received: red, green, without blue"):
        ImageFolder(photos, classes=("red", "green")).require()


def test_numbers_as_names_count_as_numbers(tmp_path):
    for name in ("10", "9", "2"):
        (tmp_path / name).mkdir()
        Image.new("L", (3, 3)).save(tmp_path / name / "a.png")
    assert ImageFolder(tmp_path).class_names == ("2", "9", "10")


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("0..255", [200, 100, 0]),
        ("0..1", [200 / 255, 100 / 255, 0]),
        ("-1..1", [200 / 127.5 - 1, 100 / 127.5 - 1, -1]),
        # keras.applications.imagenet_utils: (x / 255 - mean) / deviation; blue first and the mean taken off
        ("torch", [(200 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, -0.406 / 0.225]),
        ("caffe", [0 - 103.939, 100 - 116.779, 200 - 123.68]),
    ],
)
def test_pixels_are_scaled_as_the_model_wants_them(tmp_path, scaling, expected):
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.new("RGB", (3, 3), (200, 100, 0)).save(tmp_path / name / f"{number}.png")
    data = ImageFolder(tmp_path, (2, 2, 3), scaling)
    np.testing.assert_allclose(data.model_inputs(pixels(data.train))[0, 0, 0], expected, rtol=1e-5, atol=1e-5)


def test_other_pictures_are_other_data(photos):
    before = fingerprint(ImageFolder(photos))
    assert before == fingerprint(ImageFolder(str(photos)))
    assert json.loads(json.dumps(describe(ImageFolder(photos))))["num_images"] == 30
    os.utime(photos / "red" / "0.png", ns=(1, 1))
    assert fingerprint(ImageFolder(photos)) != before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"input_shape": (8, 8, 2)}, "input_shape must be"),
        ({"scaling": "0..2"}, "scaling must be one of 0..255, 0..1, -1..1, torch, caffe"),
        ({"input_shape": (8, 8, 1), "scaling": "torch"}, "must be one of 0..255, 0..1, -1..1. Received: 'torch'"),
        ({"test_share": 1.0}, "test_share must be in"),
        ({"resize": "squeeze"}, "resize must be stretch or crop"),
        ({"num_examples": 0}, "num_examples must be at least 1"),
    ],
)
def test_a_value_out_of_range_is_refused(settings, words):
    with pytest.raises(InvalidValue, match=words):
        ImageFolder("photos", **settings)


def test_one_picture_a_class_leaves_none_to_judge_on(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("L", (3, 3)).save(tmp_path / name / "a.png")
    with pytest.raises(DataUnavailable, match="must leave images to test on"):
        ImageFolder(tmp_path).require()


def test_an_image_is_decoded_once_when_it_is_first_asked_for(photos, monkeypatch):
    decoded = []
    monkeypatch.setattr(images, "_read", lambda path, *rest: decoded.append(path) or np.full((2, 2, 3), len(decoded)))
    train = ImageFolder(photos, (2, 2, 3)).train
    assert len(train) == 24 and decoded == []
    first, targets = train.batch([5, 3, 5])
    assert sorted(decoded) == sorted([train.paths[3], train.paths[5]])
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(train.batch(np.array([3]))[0], first[1:2])
    assert len(decoded) == 2 and targets.tolist() == train.targets[[5, 3, 5]].tolist()
    pixels(train)
    assert sorted(decoded) == sorted(train.paths)


def test_pixels_are_those_of_reading_all_at_once(photos):
    train = ImageFolder(photos, (8, 6, 3), resize="crop").train
    np.testing.assert_array_equal(pixels(train), read_images(train.paths, (8, 6, 3), "crop"))


def test_a_damaged_image_is_named_when_it_is_read(photos):
    data = ImageFolder(photos, (4, 4, 3))
    (photos / "red" / "0.png").write_bytes(b"no image")
    pixels(data.test)  # which has others
    with pytest.raises(DataCorrupt, match=r"Received: .*red/0.png, which cannot \(.*\). Mend it or take it out.$"):
        pixels(data.train)


def test_the_same_images_are_the_same_source(photos):
    train = ImageFolder(photos, (4, 4, 3)).train
    same, other = ImageFolder(photos, (4, 4, 3)).train, ImageFolder(photos, (4, 5, 3)).train
    assert fingerprint(train) == fingerprint(same) != fingerprint(other)
    os.utime(train.paths[0], ns=(1, 1))
    assert fingerprint(train) != fingerprint(ImageFolder(photos, (4, 4, 3), "caffe").train)
    assert fingerprint(train) == fingerprint(ImageFolder(photos, (4, 4, 3), "0..1").train)


@pytest.fixture
def listed(photos):
    """The images in a table: each has its colour, those with an even number "even" too, and those with 9 nothing."""
    rows = ["path,label"]
    for name in COLOURS:
        for number in range(10):
            labels = [name, "even"] if number % 2 == 0 else [name]
            rows.append(f"{name}/{number}.png,{' | '.join(labels) if number < 9 else ''}")
    (photos / "table.csv").write_text("\n".join(rows))
    return photos / "table.csv"


def test_an_image_may_have_several_labels(listed):
    data = ImageFolder(listed, (4, 4, 3), several_labels=True)
    assert data.class_names == ("blue", "even", "green", "red") and data.num_classes == 4
    assert data.task == Classification(several_labels=True)
    assert data.train.targets.shape == (24, 4) and len(data.test) == 6
    for split in (data.train, data.test):
        for path, row in zip(split.paths, split.targets.tolist(), strict=True):
            number, colour = int(path.stem), path.parent.name
            expected = [colour == "blue", number % 2 == 0, colour == "green", colour == "red"]
            assert row == ([0] * 4 if number == 9 else [int(each) for each in expected])


def test_several_labels_can_be_put_in_the_models_order(listed):
    data = ImageFolder(listed, (4, 4, 3), classes=("red", "green", "blue", "even", "odd"), several_labels=True)
    assert data.train.targets.sum(0)[4] == 0 and data.train.targets.shape == (24, 5)
    with pytest.raises(InvalidValue, match="Received: red, green, without blue, even"):
        ImageFolder(listed, classes=("red", "green"), several_labels=True).require()


def test_without_several_labels_a_combination_is_a_class(listed):
    assert "blue | even" in ImageFolder(listed, (4, 4, 3)).class_names


def test_damaged_pictures_are_named(photos):
    (photos / "red" / "0.png").write_bytes(b"no picture")
    whole = (photos / "red" / "1.png").read_bytes()
    (photos / "red" / "1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataCorrupt, match="2 of .* that cannot, .*red/0.png for one"):
        read_images(sorted((photos / "red").iterdir()), (4, 4, 3))


def test_crop_keeps_proportions_and_stretch_does_not(tmp_path):
    picture = Image.new("L", (40, 20), 0)
    picture.paste(255, (10, 0, 30, 20))  # the middle half is white
    picture.save(tmp_path / "a.png")
    stretched, cropped = (read_images([tmp_path / "a.png"], (20, 20, 1), how)[0] for how in ("stretch", "crop"))
    assert cropped.min() == 255 and stretched[:, 0].max() == 0


def test_a_photo_is_turned_upright(tmp_path):
    picture = Image.new("L", (4, 2), 0)
    picture.paste(255, (0, 0, 2, 2))  # the left half is white
    turned = Image.Exif()
    turned[0x0112] = 6  # "rotate by 90 degrees clockwise to see it": left becomes top
    picture.save(tmp_path / "a.png", exif=turned)
    upright = read_images([tmp_path / "a.png"], (4, 2, 1))[0, ..., 0]
    np.testing.assert_array_equal(upright, [[255, 255]] * 2 + [[0, 0]] * 2)


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("P", 3), ("L", 3), ("RGB", 1), ("RGB", 4)])
def test_any_kind_of_picture_becomes_the_channels_asked_for(tmp_path, mode, channels):
    Image.new(mode, (3, 3), 0).save(tmp_path / "a.png")
    assert read_images([tmp_path / "a.png"], (2, 2, channels)).shape == (1, 2, 2, channels)


@pytest.mark.parametrize(
    ("values", "dtype", "suffix", "expected"),
    [
        (1000, "uint16", "png", 4),  # 1,000 of 65,535 is 3.9 of 255
        (65535, "uint16", "png", 255),
        (1000, "uint16", "tif", 4),
        (0.5, "float32", "tif", 128),
        (1.0, "float32", "tif", 255),
    ],
)
def test_an_image_of_more_than_8_bits_keeps_its_brightness(tmp_path, values, dtype, suffix, expected):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.full((4, 4), values, dtype)).save(path)
    np.testing.assert_array_equal(read_images([path], (2, 2, 1)), np.full((1, 2, 2, 1), expected))


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        (70_000, "int32", "whole numbers of 32 bits from 70000 to 70000, and nobody says which is white"),
        (2.0, "float32", "its pixels are numbers from 2 to 2, and nobody says which is white"),
        (np.nan, "float32", "from nan to nan"),
    ],
)
def test_an_image_whose_white_nobody_knows_is_refused(tmp_path, values, dtype, words):
    Image.fromarray(np.full((4, 4), values, dtype)).save(tmp_path / "a.tif")
    with pytest.raises(DataCorrupt, match=words):
        read_images([tmp_path / "a.tif"], (2, 2, 1))


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new("L", (30, 40)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # more than twice as many is Pillow's own error
    with pytest.raises(DataCorrupt, match="pixels.* 500.*: make it smaller"):
        read_images([tmp_path / "a.png"], (2, 2, 1))
    monkeypatch.setattr(Image, "_decompression_bomb_check", lambda size: None)
    with pytest.raises(DataCorrupt, match="it has 30x40 pixels, more than 500: make it smaller"):
        read_images([tmp_path / "a.png"], (2, 2, 1))


def test_a_small_file_of_144_million_pixels_takes_no_memory(tmp_path):
    """140 kB that Pillow would make 144 MB of, and whoever converts and copies them, 1.7 GB."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj()
    rows = b"".join([*(packer.compress(bytes(12_001 * 100)) for _ in range(120)), packer.flush()])
    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(b"".join(parts))
    assert len(rows) < 250_000
    code = (
        "import resource, sys\nfrom pathlib import Path\nimport numpy, PIL.Image\n"
        "from tfcompress.core.errors import DataCorrupt\nfrom tfcompress.data.images import read_images\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_images([Path(sys.argv[1])], (8, 8, 3))\nexcept DataCorrupt as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    said, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "it has 12,000x12,000 pixels, more than 89,478,485: make it smaller" in said
    assert int(kilobytes) < 50_000


def test_what_only_looks_like_a_number_is_a_name(tmp_path):
    for name in ("①", "2"):
        (tmp_path / name).mkdir()
        Image.new("L", (3, 3)).save(tmp_path / name / "a.png")
    assert ImageFolder(tmp_path).class_names == ("2", "①")


@pytest.mark.parametrize("how", ["copy", "link", "listed"])
def test_an_image_in_both_splits_is_told(tmp_path, remarks, how):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            noise = np.random.default_rng(len(split + name) + ord(split[1])).integers(0, 255, (30, 30), "uint8")
            Image.fromarray(noise).save(tmp_path / split / name / "a.png")
    first, second = tmp_path / "train" / "cat" / "a.png", tmp_path / "test" / "cat" / "b.png"
    source = tmp_path
    if how == "copy":
        second.write_bytes(first.read_bytes())
    elif how == "link":
        second.symlink_to(first)
    else:
        source, second = tmp_path / "table.csv", first
        rows = [f"{split}/{name}/a.png,{name},{split}" for split in ("train", "test") for name in ("cat", "dog")]
        source.write_text("\n".join([*rows, "train/cat/a.png,cat,test"]))
    _ = ImageFolder(source).train
    assert remarks == [
        f"1 of 3 test images are training images too, {second} for one, which is {first}: figures come out better than "
        "they are"
    ]


def test_images_of_one_size_are_not_taken_for_one(tmp_path, remarks):
    for number, split in enumerate(("train", "test")):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            noise = np.random.default_rng(number + 2 * len(name)).integers(0, 255, (30, 30), "uint8")
            Image.fromarray(noise).save(tmp_path / split / name / f"{name}.bmp")
    _ = ImageFolder(tmp_path).train
    assert remarks == []
