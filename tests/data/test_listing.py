import pytest

from tfcompress.core.errors import DataCorrupt, DataUnavailable
from tfcompress.data.listing import ListedFile, list_images


@pytest.fixture
def make(tmp_path):
    """Makes empty files by their names, and gives the folder."""

    def files(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return files


def shown(pictures, folder):
    return [(p.path.relative_to(folder).as_posix(), p.label, p.split) for p in pictures]


def test_a_folder_a_class_in_order(make):
    folder = make(
        "dog/b.jpg", "dog/a.PNG", "cat/deep/c.jpeg", "cat/notes.txt", "cat/.hidden.jpg", ".git/x.jpg", "y.jpg"
    )
    expected = [("cat/deep/c.jpeg", "cat", ""), ("dog/a.PNG", "dog", ""), ("dog/b.jpg", "dog", "")]
    assert shown(list_images(folder), folder) == expected


@pytest.mark.parametrize("test_name", ["test", "val", "Validation", "dev", "val2017"])
def test_folders_of_splits_are_taken_as_such(make, test_name):
    folder = make("train/cat/a.jpg", "train/dog/b.jpg", f"{test_name}/cat/c.jpg")
    assert [(p.label, p.split) for p in list_images(folder)] == [("cat", "train"), ("dog", "train"), ("cat", "test")]


def test_a_class_may_be_called_train(make):
    folder = make("train/a.jpg", "plane/b.jpg")
    assert [p.label for p in list_images(folder)] == ["plane", "train"]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\nx/a.jpg,cat\nx/b.jpg,dog\n",
        "label,filename\ncat,x/a.jpg\ndog,x/b.jpg\n",
        "x/a.jpg,cat\nx/b.jpg,dog\n",
        "\ufeffFile,Class\nx/a.jpg, cat\n\nx/b.jpg, dog\n",
    ],
    ids=["header", "other order", "no header", "spreadsheet"],
)
def test_a_table_of_paths_and_labels(make, text):
    folder = make("x/a.jpg", "x/b.jpg")
    (folder / "table.csv").write_text(text, encoding="utf-8")
    expected = (ListedFile(folder / "x/a.jpg", "cat"), ListedFile(folder / "x/b.jpg", "dog"))
    assert list_images(folder / "table.csv") == expected


def test_a_table_may_name_splits(make):
    folder = make("a.jpg", "b.jpg", "c.jpg")
    (folder / "table.csv").write_text("path,label,split\na.jpg,cat,train\nb.jpg,dog,val\nc.jpg,dog,\n")
    assert [p.split for p in list_images(folder / "table.csv")] == ["train", "test", ""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.jpg,cat\nmissing.jpg,dog\n", "of whose 2 files 1 are missing, .*missing.jpg for one"),
        ("a.jpg,cat\nb.jpg\n", r"with \['b.jpg'\]"),
        ("path,label,split\na.jpg,cat,train\nb.jpg,dog,holdout\n", "nothing as a split.*with 'holdout' for b.jpg"),
        ("a.jpg,cat,train\nb.jpg,dog,holdout\n", "with 'holdout' for b.jpg. Use one of these words"),
    ],
)
def test_a_table_in_disorder_is_told(make, text, words):
    folder = make("a.jpg", "b.jpg")
    (folder / "table.csv").write_text(text)
    with pytest.raises(DataCorrupt, match=words):
        list_images(folder / "table.csv")


@pytest.mark.parametrize("beside", ["train/cat/a.jpg test/cat/b.jpg", "train/cat/a.jpg"])
def test_a_folder_beside_those_of_splits_must_be_one(make, beside):
    with pytest.raises(DataCorrupt, match="with 'holdout' for holdout/. Use one of these words"):
        list_images(make(*beside.split(), "holdout/cat/c.jpg"))


def test_a_table_that_is_no_text_is_told(make):
    folder = make("a.jpg")
    (folder / "table.csv").write_bytes(b"\xff\xfe\x80\x81" * 9)
    with pytest.raises(DataCorrupt, match="must be a CSV file in UTF-8"):
        list_images(folder / "table.csv")


def test_nothing_there_is_told(tmp_path):
    with pytest.raises(DataUnavailable, match="None there"):
        list_images(tmp_path / "photos")


def test_one_class_is_none_to_tell_apart(make):
    with pytest.raises(DataUnavailable, match="with 1 images of 1 classes"):
        list_images(make("cat/a.jpg"))
