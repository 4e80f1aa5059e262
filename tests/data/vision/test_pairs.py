"""Which image has which mask, in the forms that people keep them in."""

import pytest
from PIL import Image

from tfcompress.core.errors import DataCorrupt, DataUnavailable
from tfcompress.data.splits.named import divided, split_named
from tfcompress.data.vision.pairs import list_pairs


def made(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(folder / name)
    return folder


def listed(source):
    return [(pair.picture.name, pair.mask.name, pair.split) for pair in list_pairs(source)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["images/a.jpg", "masks/a.png"], [("a.jpg", "a.png", "")]),
        (["image/a.png", "label/a_mask.png"], [("a.png", "a_mask.png", "")]),
        (["a.jpg", "a_mask.png"], [("a.jpg", "a_mask.png", "")]),
        (
            ["train/images/a.png", "train/masks/a.png", "val/images/b.png", "val/masks/b.png"],
            [("a.png", "a.png", "train"), ("b.png", "b.png", "validation")],
        ),
        (["images/test/a.png", "masks/test/a.png", "images/b.png", "masks/b.png"], None),
    ],
    ids=["two folders", "other words", "one folder", "splits outside", "splits inside"],
)
def test_forms(tmp_path, names, expected):
    expected = expected or [("b.png", "b.png", ""), ("a.png", "a.png", "test")]
    assert listed(made(tmp_path, *names)) == expected


def test_a_table_names_them(tmp_path):
    made(tmp_path, "x/a.png", "y/b.png")
    table = tmp_path / "t.csv"
    table.write_text("Mask,image,split\ny/b.png,x/a.png,val\n")
    assert listed(table) == [("a.png", "b.png", "validation")]


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["images/a.png", "images/b.png", "masks/b.png"], DataCorrupt, "1 of 2 images without one .*a.png for one"),
        (["images/a.png", "images/a.jpg", "masks/a.png"], DataCorrupt, "one file of a name"),
        ([], DataUnavailable, "with none"),
        (["train/images/a.png", "train/masks/a.png", "test/images/b.png"], DataUnavailable, "has not both folders"),
        (
            ["train/images/a.png", "train/masks/a.png", "holdout/images/b.png", "holdout/masks/b.png"],
            *(DataCorrupt, "with 'holdout' for holdout/"),
        ),
        (
            ["images/test/a.png", "masks/test/a.png", "images/holdout/b.png", "masks/holdout/b.png"],
            *(DataCorrupt, "with 'holdout' for .*images/holdout/b.png"),
        ),
    ],
    ids=["missing mask", "two of a name", "nothing", "a split without masks", "no split", "none inside"],
)
def test_what_cannot_be_paired_is_one_line(tmp_path, names, error, message):
    with pytest.raises(error, match=message) as caught:
        list_pairs(made(tmp_path, *names))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\na.png,b.png\n", "columns image and mask"),
        ("image,mask\na.png,gone.png\n", "line 2, with .*gone.png"),
        ("image,mask,split\na.png,b.png,holdout\n", "nothing as a split.*with 'holdout' for line 2"),
        ("image,mask\na.png\n", "line 2, with a.png"),
    ],
)
def test_a_table_that_is_wrong_names_its_line(tmp_path, text, message):
    made(tmp_path, "a.png", "b.png")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataCorrupt, match=message):
        list_pairs(tmp_path / "t.csv")


def test_no_folder_is_unavailable(tmp_path):
    with pytest.raises(DataUnavailable, match="nowhere. None there"):
        list_pairs(tmp_path / "nowhere")


def test_masks_without_pictures_are_remarked(tmp_path, remarks):
    assert len(list_pairs(made(tmp_path, "images/a.png", "masks/a.png", "masks/b.png"))) == 1
    assert "1 masks have no image" in remarks[0]


def test_words_of_splits():
    assert [split_named(word) for word in ("Training", "val2017", "TEST", "images", "")] == [
        *("train", "validation", "test", "", "")
    ]


def test_each_example_is_in_one_split_and_the_seed_draws_them():
    train, validation, test = divided([""] * 20, 0.25, seed=3)
    assert sorted(train + test) == list(range(20)) and len(test) == 5 and not validation
    assert divided([""] * 20, 0.25, seed=3)[2] == test != divided([""] * 20, 0.25, seed=4)[2]
    assert divided(["train", "validation", "train"], 0.2, 0)[2] == [1]
