"""Pictures with boxes as examples: VOC and COCO, their splits, and what is wrong with files."""

import json
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import tfcompress as tfc
from tfcompress.core.errors import DataCorrupt, DataUnavailable, InvalidValue, MissingExtra, TfcompressError
from tfcompress.core.identity import fingerprint
from tfcompress.data.vision.voc import read_voc

SMALL = (16, 32, 3)
VOC = """<annotation><filename>{name}.png</filename><size><width>{width}</width><height>{height}</height></size>
{objects}</annotation>"""
OBJECT = """<object><name>{label}</name><difficult>{difficult}</difficult><bndbox><xmin>{0}</xmin><ymin>{1}</ymin>
<xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"""


def voc_text(name, objects, width=20, height=10):
    """An annotation; objects are (label, box) or (label, box, difficult)."""
    said = [OBJECT.format(*box, label=label, difficult=int(bool(more))) for label, box, *more in objects]
    return VOC.format(name=name, width=width, height=height, objects="".join(said))


@pytest.fixture
def voc(tmp_path):
    """Five images of 20 x 10, a cat in each and a dog in the first."""
    for place in ("Annotations", "JPEGImages"):
        (tmp_path / place).mkdir()
    for number in range(5):
        Image.new("RGB", (20, 10), (number, 0, 0)).save(tmp_path / "JPEGImages" / f"{number}.png")
        objects = [("cat", (1, 1, 10, 5)), *([("dog", (11, 6, 20, 10))] if number == 0 else [])]
        (tmp_path / "Annotations" / f"{number}.xml").write_text(voc_text(number, objects))
    return tmp_path


@pytest.fixture
def coco(tmp_path):
    """Three images of 20 x 10: a dog and a crowd of cats, a cat, and nothing; the file, and what is in it."""
    content = {
        "images": [{"id": 7 + n, "file_name": f"{n}.png", "width": 20, "height": 10} for n in range(3)],
        "categories": [{"id": 3, "name": "dog"}, {"id": 9, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [0, 0, 10, 5]},
            {"id": 2, "image_id": 7, "category_id": 9, "bbox": [10, 5, 10, 5], "iscrowd": 1},
            {"id": 3, "image_id": 8, "category_id": 9, "bbox": [5, 5, 5, 5]},
        ],
    }
    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.new("RGB", (20, 10)).save(tmp_path / "images" / f"{number}.png")
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(content))
    return path, content


def folder(source, **how):
    return tfc.DetectionFolder(source, SMALL, **{"test_share": 0.4, **how})


def rows(split):
    found = split.batch(range(len(split)))[1]["boxes"]
    return found[found[..., 4] >= 0]


def test_voc_boxes_are_shares_of_the_sides(voc):
    data = folder(voc)
    assert (data.class_names, data.num_classes, data.num_train, len(data.test)) == (("cat", "dog"), 2, 3, 2)
    pixels, targets = data.train.batch([0, 1, 2])
    assert pixels.shape == (3, *SMALL) and pixels.dtype == np.uint8 and targets["boxes"].shape == (3, 2, 6)
    np.testing.assert_array_equal(targets["boxes"], targets["scores"])
    every = np.concatenate([rows(data.train), rows(data.test)])
    np.testing.assert_allclose(every[every[:, 4] == 0], [[0, 0, 0.5, 0.5, 0, 1]] * 5)  # pixels 1 to 10 of 20
    np.testing.assert_allclose(every[every[:, 4] == 1], [[0.5, 0.5, 1, 1, 1, 1]])


@pytest.mark.parametrize(
    ("lists", "sizes"),
    [
        ({"trainval": "0 1 2", "train": "0", "val": "1 2", "test": "3 4"}, (3, 0, 2)),
        ({"train": "0 1", "val": "2", "test": "3 4"}, (2, 1, 2)),
        ({"train": "0 1 2", "val": "3"}, (3, 0, 1)),
    ],
)
def test_vocs_lists_are_the_splits(voc, lists, sizes):
    (voc / "ImageSets" / "Main").mkdir(parents=True)
    for name, members in lists.items():
        (voc / "ImageSets" / "Main" / f"{name}.txt").write_text(members.replace(" ", "\n"))
    data = folder(voc)
    validation = data.validation
    assert (len(data.train), 0 if validation is None else len(validation), len(data.test)) == sizes


def test_names_in_lists_without_an_annotation_are_remarked(voc, remarks):
    (voc / "ImageSets" / "Main").mkdir(parents=True)
    (voc / "ImageSets" / "Main" / "train.txt").write_text("0\n1\n9\n")
    (voc / "ImageSets" / "Main" / "test.txt").write_text("2\n")
    assert (len(folder(voc).train), len(folder(voc).test)) == (2, 1)
    assert "1 names in the lists" in remarks[0] and "9 for one" in remarks[0]


def test_a_list_beside_that_of_training_must_name_a_split(voc):
    (voc / "ImageSets" / "Main").mkdir(parents=True)
    for name, members in {"train": "0\n1\n2\n", "cat_train": "0 1\n", "holdout": "3\n4\n"}.items():
        (voc / "ImageSets" / "Main" / f"{name}.txt").write_text(members)
    with pytest.raises(DataCorrupt, match="Main, with 'holdout' for holdout.txt. Use one of these words"):
        folder(voc).require()


def test_folders_of_splits_have_pictures_and_xml_beside_them(voc):
    for number in range(5):
        part = voc / ("valid" if number == 4 else "train")
        part.mkdir(exist_ok=True)
        (voc / "Annotations" / f"{number}.xml").rename(part / f"{number}.xml")
        (voc / "JPEGImages" / f"{number}.png").rename(part / f"{number}.png")
    data = folder(voc)
    assert (len(data.train), len(data.test), data.test.batch([0])[0][0, 0, 0, 0]) == (4, 1, 4)


def in_splits(voc, splits):
    """The images and files of `voc` in folders of these names, in their order."""
    for number, split in enumerate(splits):
        (voc / split).mkdir(exist_ok=True)
        (voc / "Annotations" / f"{number}.xml").rename(voc / split / f"{number}.xml")
        (voc / "JPEGImages" / f"{number}.png").rename(voc / split / f"{number}.png")


def test_an_image_in_both_splits_is_told(voc, remarks):
    in_splits(voc, ("train", "train", "train", "test", "test"))
    first, second = voc / "train" / "1.png", voc / "test" / "4.png"
    second.write_bytes(first.read_bytes())
    _ = folder(voc).train
    assert remarks == [
        f"1 of 2 test images are training images too, {second} for one, which is {first}: figures come out better than "
        "they are"
    ]


def test_a_folder_beside_those_of_splits_must_be_one(voc):
    in_splits(voc, ("train", "train", "test", "test", "holdout"))
    with pytest.raises(DataCorrupt, match="with 'holdout' for holdout/. Use one of these words"):
        folder(voc).require()


def test_a_file_beside_those_of_splits_must_name_one(coco):
    path, content = coco
    for name in ("train", "test", "holdout"):
        path.with_name(f"boxes_{name}.json").write_text(json.dumps(content))
    path.unlink()
    with pytest.raises(DataCorrupt, match="with 'boxes_holdout' for boxes_holdout.json. Use one of these words"):
        folder(path.parent).require()


def test_coco_has_the_same_rows_and_pictures_without_boxes(coco):
    path, _ = coco
    data = folder(path)
    assert data.class_names == ("cat", "dog") and len(data.train) + len(data.test) == 3
    every = sorted(map(tuple, np.concatenate([rows(data.train), rows(data.test)]).tolist()))
    assert every == [(0, 0, 0.5, 0.5, 1, 1), (0.25, 0.5, 0.5, 1, 0, 1), (0.5, 0.5, 1, 1, 0, 0)]  # the last, a crowd


def test_cocos_files_of_splits_are_found_beside_captions(coco):
    path, content = coco
    lists = path.parent / "annotations"
    lists.mkdir()
    for split, ids in (("train2017", (7, 8)), ("val2017", (9, 8))):
        of_split = {
            **content,
            "images": [each for each in content["images"] if each["id"] in ids],
            "annotations": [each for each in content["annotations"] if each["image_id"] in ids],
        }
        (lists / f"instances_{split}.json").write_text(json.dumps(of_split))
        (lists / f"captions_{split}.json").write_text(json.dumps({"images": [], "annotations": [{"caption": "a"}]}))
    path.unlink()
    data = folder(path.parent)
    assert (len(data.train), len(data.test)) == (2, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"][2].update(image_id=99), "1 of its 3 boxes have a image_id that there is not, 99"),
        (lambda c: c["annotations"][0].update(category_id=4), "1 of its 3 boxes have a category_id .*, 4"),
        (lambda c: c["annotations"][0].update(bbox=[0, 0, 5]), "a bbox is .0, 0, 5., and no four numbers"),
        (lambda c: c["annotations"][0].update(bbox=[0, 0, 5, float("nan")]), "and no four numbers"),
        (lambda c: c["annotations"][0].pop("image_id"), r"annotations\[0\] has no image_id"),
        (lambda c: c["images"].append(dict(c["images"][0])), "1 of its 4 images have the id of another"),
        (lambda c: c["images"][0].update(file_name="gone.png"), "with 'gone.png', which is not in"),
        (lambda c: c.pop("categories"), "it has no list of categories"),
        (lambda c: c["images"][0].update(width=21), "0.png of 20x10, of which .*boxes.json says 21x10"),
        (lambda c: c["images"][0].update(id=[1]), "has an id that is no number"),
    ],
)
def test_a_coco_file_that_is_wrong_is_one_line(coco, change, message):
    path, content = coco
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DataCorrupt, match=message) as caught:
        folder(path).load()
    assert "\n" not in str(caught.value)


def test_boxes_outside_are_cut_off_or_left_out_and_both_is_remarked(voc, remarks):
    objects = [("cat", (11, 6, 40, 30)), ("cat", (30, 1, 40, 5)), ("dog", (5, 5, 3, 8))]
    (voc / "Annotations" / "0.xml").write_text(voc_text(0, objects))
    data = folder(voc, num_examples=None)
    every = np.concatenate([rows(data.train), rows(data.test)])
    assert len(every) == 5 and sorted(map(tuple, every[:, :4].tolist()))[-1] == (0.5, 0.5, 1, 1)
    said = " ".join(remarks)
    assert "1 boxes stand out of their images and are cut off: cat at 10, 5, 40, 30 in" in said
    assert "2 boxes have no area and are left out: cat at 29, 0, 40, 5 in" in said


def test_a_difficult_object_need_not_be_found(voc):
    (voc / "Annotations" / "0.xml").write_text(voc_text(0, [("cat", (1, 1, 10, 5), True)]))
    data = folder(voc)
    assert sorted(np.concatenate([rows(data.train), rows(data.test)])[:, 5]) == [0, 1, 1, 1, 1]


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<annotation><filename>&b;</filename></annotation>"""
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "it has a document type"),
        (OUTSIDE, "it has a document type"),
        ("<annotation><object>", "no element found|mismatched|unclosed"),
        ("", "no element found"),
        ("<html></html>", "its first element is 'html'"),
        ("<annotation><object><name>cat</name></object></annotation>", "object 1 has no bndbox"),
        (voc_text(0, [("cat", (1, 1, "ten", 5))]), "xmax is 'ten', and no number"),
        (voc_text(0, [("cat", (1, "nan", 10, 5))]), "ymin is 'nan', and no number"),
        (voc_text(0, [("", (1, 1, 10, 5))]), "object 1 has no name"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "unknown encoding"),
        (voc_text(0, [], width=30), "0.png of 20x10, of which .*0.xml says 30x10"),
    ],
    ids=["bomb", "external", "cut", "empty", "html", "no box", "word", "nan", "no name", "encoding", "size"],
)
def test_xml_that_is_wrong_is_one_line_that_names_the_file(voc, text, message):
    (voc / "Annotations" / "0.xml").write_text(text)
    with pytest.raises(DataCorrupt, match=message) as caught:
        folder(voc).load()
    assert "\n" not in str(caught.value) and "0.xml" in str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("<>/&;![]annotationobjectndbxmi \"'=0123456789.-", max_size=80), at=st.integers(0, 300))
def test_xml_with_anything_in_it_is_read_or_refused(tmp_path, text, at):
    whole = voc_text(0, [("cat", (1, 1, 10, 5))])
    (tmp_path / "a.xml").write_text(whole[:at] + text + whole[at:])
    try:
        _, size, objects = read_voc(tmp_path / "a.xml")
        assert all(np.isfinite(each.box).all() and each.label for each in objects)
    except DataCorrupt as error:
        assert "\n" not in str(error)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-5, 50) | st.sampled_from(["id", "0.png", "bbox", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "images", "annotations", "categories", "bbox", "image_id", "category_id", "name"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["images", "annotations", "categories", None]), value=_JSON)
def test_json_with_anything_in_it_is_read_or_refused(coco, key, value):
    path, content = coco
    path.write_text(json.dumps(value if key is None else {**content, key: value}))
    try:
        folder(path).load()
    except TfcompressError as error:
        assert "\n" not in str(error)


def test_no_boxes_at_all_is_said_before_anything_is_trained(voc):
    for path in (voc / "Annotations").iterdir():
        path.write_text(voc_text(path.stem, []))
    with pytest.raises(DataUnavailable, match="boxes to train on. Received: .* with 3 images for it and no box"):
        folder(voc).require()


def test_only_boxes_without_an_area_are_no_boxes(voc):
    for path in (voc / "Annotations").iterdir():
        path.write_text(voc_text(path.stem, [("cat", (30, 30, 40, 40))]))
    with pytest.raises(DataUnavailable, match="boxes to train on"):
        folder(voc).load()


def test_a_folder_of_nothing_and_no_folder(tmp_path):
    with pytest.raises(DataUnavailable, match="with none. Put them as Annotations"):
        folder(tmp_path).require()
    with pytest.raises(DataUnavailable, match="None there"):
        folder(tmp_path / "gone").require()


def test_an_annotation_without_its_picture_is_named(voc):
    (voc / "JPEGImages" / "2.png").unlink()
    with pytest.raises(DataCorrupt, match="2.xml, and no image 2 or 2.png in"):
        folder(voc).require()


def test_a_picture_that_cannot_be_read_is_named(voc):
    (voc / "JPEGImages" / "2.png").write_bytes(b"none")
    with pytest.raises(DataCorrupt, match="2.png, which cannot"):
        folder(voc).load()


def test_a_wide_picture_of_20000_pixels_is_read(voc):
    Image.new("L", (20_000, 4)).save(voc / "JPEGImages" / "0.png")
    (voc / "Annotations" / "0.xml").write_text(voc_text(0, [("cat", (1, 1, 10_000, 2))], 20_000, 4))
    assert [0, 0, 0.5, 0.5, 0, 1] in np.concatenate([rows(folder(voc).train), rows(folder(voc).test)]).tolist()


def test_without_pycocotools_one_line_says_what_to_install(voc, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"DetectionFolder needs pycocotools.*pip install 'tfcompress\[detection\]'"):
        folder(voc).require()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"input_shape": (20, 32, 3)}, "sides divisible by 16"),
        ({"strides": (16, 8)}, "strides must rise"),
        ({"per_cell": 0}, "per_cell must be from 1"),
        ({"scaling": "caffe"}, "scaling must be one of"),
        ({"classes": ("cat",)}, "classes must name every class .*without dog"),
    ],
)
def test_settings_out_of_range(voc, how, message):
    with pytest.raises(InvalidValue, match=message):
        tfc.DetectionFolder(voc, **{"input_shape": SMALL, **how}).require()


def test_what_makes_examples_is_in_the_identity(voc):
    first = fingerprint(folder(voc))
    assert first == fingerprint(folder(voc)) != fingerprint(folder(voc, per_cell=2))
    (voc / "Annotations" / "1.xml").write_text(voc_text(1, [("cat", (1, 1, 10, 6))]))
    assert fingerprint(folder(voc)) != first


def test_notes_have_the_anchors_that_decode_a_file(voc):
    data = folder(voc)
    told = json.loads(json.dumps(data.notes().of_output("boxes").settings))
    assert tfc.Anchors(**told["anchors"]) == data.anchors and data.notes().of_output("scores").labels == ("cat", "dog")
