"""Texts as numbers of words: the vocabulary, tables, sentences with slots."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfcompress as tfc
from tfcompress.core.errors import DataCorrupt, DataUnavailable
from tfcompress.core.identity import fingerprint
from tfcompress.data.text.slot_f1 import slot_f1, spans
from tfcompress.data.text.vocabulary import Vocabulary, words_of

ROWS = [("my card is lost", "lost"), ("lost my card", "lost"), ("what is my pin", "pin"), ("my pin is wrong", "pin")]


def write(path, rows, header="text,label"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


def test_words_are_small_letters_numbers_and_signs():
    assert words_of("Don't pay £20,Émile!") == ["don't", "pay", "£", "20", ",", "émile", "!"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_has_numbers(text):
    numbers = Vocabulary(("a", "b")).numbers(words_of(text), 8)
    assert numbers.shape == (8,) and numbers.dtype == np.int32 and set(numbers) <= {0, 1, 2, 3}


def test_the_vocabulary_is_of_the_training_texts_and_the_most_frequent():
    known = Vocabulary.of([words_of(text) for text, _ in ROWS], min_count=2, max_words=3)
    assert known.words == ("my", "is", "card")  # 4, 3, 2: "card" before "lost" and "pin" by the alphabet
    assert known.numbers(["my", "new", "card"], 5).tolist() == [2, 1, 4, 0, 0]


@pytest.fixture
def table(tmp_path):
    write(tmp_path / "q_test.csv", [("my card", "lost"), ("unheard words", "pin")])
    return write(tmp_path / "q_train.csv", ROWS)


def test_a_table_with_a_test_file_beside_it(table):
    data = tfc.TextTable(table, length=5, min_count=1)
    assert (data.num_train, len(data.test), data.class_names) == (4, 2, ("lost", "pin"))
    words = data.vocabulary.entries
    texts, labels = data.test.batch([0, 1])
    found = {
        tuple(words[number] for number in row): data.class_names[label]
        for row, label in zip(texts, labels, strict=True)
    }
    assert found == {
        ("my", "card", "<PAD>", "<PAD>", "<PAD>"): "lost",
        ("<UNKNOWN>", "<UNKNOWN>", "<PAD>", "<PAD>", "<PAD>"): "pin",
    }
    assert data.notes().of_input("words").vocabulary == words and data.notes().of_output("").labels == ("lost", "pin")


def test_a_table_is_split_where_nobody_has(tmp_path):
    data = tfc.TextTable(write(tmp_path / "a.csv", [*ROWS, *ROWS], "Sentence,CATEGORY"), test_share=0.25)
    assert (data.num_train, len(data.test)) == (6, 2)
    named = [(*row, "test" if number == 0 else "") for number, row in enumerate(ROWS)]
    data = tfc.TextTable(write(tmp_path / "b.csv", named, "text,label,split"))
    assert (data.num_train, len(data.test)) == (3, 1)


def test_words_of_splits_are_those_of_image_listings(tmp_path):
    named = [(*row, word) for row, word in zip(ROWS, ("Training", "val", "test", ""), strict=True)]
    data = tfc.TextTable(write(tmp_path / "a.csv", named, "text,label,split"))
    train, test = data.read()
    assert (set(train.texts), set(test.texts)) == ({ROWS[0][0], ROWS[3][0]}, {ROWS[1][0], ROWS[2][0]})


@pytest.mark.parametrize(
    ("words", "line"), [(("train", "test", "holdout"), 4), (("holdout",) * 3, 2)], ids=["one", "every"]
)
def test_a_row_of_an_unknown_split_is_refused(tmp_path, words, line):
    rows = [(*row, word) for row, word in zip(ROWS, words, strict=False)]
    with pytest.raises(DataCorrupt, match=f"nothing as a split.*a.csv, with 'holdout' for line {line}"):
        tfc.TextTable(write(tmp_path / "a.csv", rows, "text,label,split")).require()


def test_a_row_says_more_of_its_split_than_its_file(table):
    write(table, [(*row, "test" if row is ROWS[0] else "") for row in ROWS], "text,label,split")
    train, test = tfc.TextTable(table).read()
    assert ROWS[0][0] in test.texts and ROWS[0][0] not in train.texts and len(test.texts) == 3


def test_a_text_in_both_splits_is_told(table, remarks):
    write(table.with_name("q_test.csv"), [(" my card is lost", "lost"), ("what is my pin", "lost"), ("pin", "pin")])
    _ = tfc.TextTable(table).train
    assert remarks == [
        "1 of 3 test texts are training texts too, 'my card is lost' of 'lost' for one: figures come out better than "
        "they are"
    ]


def test_another_file_or_setting_is_other_data(table):
    before = fingerprint(tfc.TextTable(table))
    assert before == fingerprint(tfc.TextTable(table)) != fingerprint(tfc.TextTable(table, length=8))
    write(table, [*ROWS, ("a new text", "pin")])
    assert fingerprint(tfc.TextTable(table)) != before


@pytest.mark.parametrize(
    ("train", "test", "error", "words"),
    [
        (ROWS, [("x", "new")], DataCorrupt, "training texts of each label.*'new'"),
        ([*ROWS, ("x", "")], ROWS, DataCorrupt, "without a label in line 6"),
        ([*ROWS, ("", "pin")], ROWS, DataCorrupt, "without a text in line 6"),
        (ROWS[:2], ROWS[:2], DataUnavailable, "two labels at least"),
    ],
)
def test_rows_that_cannot_be_used_are_one_line(tmp_path, train, test, error, words):
    write(tmp_path / "a_test.csv", test)
    with pytest.raises(error, match=words) as caught:
        tfc.TextTable(write(tmp_path / "a_train.csv", train)).require()
    assert "\n" not in str(caught.value)


def test_empty_rows_are_left_out(tmp_path):
    path = write(tmp_path / "a.csv", [*ROWS, ("", ""), *ROWS])
    assert tfc.TextTable(path, test_share=0.25).num_train == 6


@pytest.fixture
def snips(tmp_path):
    parts = [{"text": "play "}, {"text": "free jazz", "entity": "genre"}, {"text": " now"}]
    for name in ("train_Play_full.json", "validate_Play.json"):
        other = [{"data": [{"text": "rain in "}, {"text": "Rome", "entity": "city"}]}]
        (tmp_path / name).write_text(
            json.dumps({"Play": [{"data": parts}] * 2, "Weather": other, "Nothing": [{"data": []}]})
        )
    (tmp_path / "train_Play.json").write_text("{}")
    return tmp_path


def test_sentences_have_an_intent_and_a_tag_for_each_word(snips):
    data = tfc.TaggedTexts(snips, length=5, min_count=1)
    assert data.intents == ("Play", "Weather") and data.num_train == 3
    assert data.slots == ("<PAD>", "B-city", "B-genre", "I-genre", "O")
    words, targets = data.test.batch([0, 2])
    tags = [[data.slots[number] for number in row] for row in targets["slots"]]
    assert tags == [["O", "B-genre", "I-genre", "O", "<PAD>"], ["O", "O", "B-city", "<PAD>", "<PAD>"]]
    assert targets["intent"].tolist() == [0, 1] and (words != 0).sum(1).tolist() == [4, 3]
    assert [m.name for m in data.task.bind(specs(data)).metrics] == ["intent accuracy", "slots F1"]


def specs(data):
    from tfcompress.core.tasks.task import OutputSpec

    return (OutputSpec("intent", (None, 2)), OutputSpec("slots", (None, 5, 5)))


def test_files_of_another_form_are_told(snips, tmp_path):
    with pytest.raises(DataUnavailable, match="with 0 and 0 of them"):
        tfc.TaggedTexts(tmp_path / "no").require()
    for content in ("no json", "[1]", '{"Play": [{"data": [{"entity": "x"}]}]}', '{"Play": 3}'):
        (snips / "validate_Play.json").write_text(content)
        with pytest.raises(DataCorrupt, match="must be JSON as"):
            tfc.TaggedTexts(snips).require()


def test_slots_are_right_as_a_whole_or_wrong():
    tags = ("<PAD>", "B-a", "I-a", "B-b", "O")
    wanted = np.array([[1, 2, 4, 3, 0], [4, 4, 0, 0, 0]])

    def f1(*rows):
        return slot_f1(wanted, np.eye(5)[np.array(rows)], tags)

    assert f1([1, 2, 4, 3, 4], [4, 4, 3, 3, 3]) == 1  # what stands at padding does not count
    assert f1([1, 4, 4, 3, 0], [4, 4, 0, 0, 0]) == pytest.approx(1 / 2)  # right 1, given 2, asked for 2
    assert f1([1, 2, 4, 4, 0], [3, 4, 0, 0, 0]) == pytest.approx(2 * 1 / (2 + 2))
    assert f1([4, 4, 4, 4, 0], [4, 4, 0, 0, 0]) == 0
    assert list(spans(["I-a", "I-a", "O", "B-a", "B-a", "I-b"])) == [("a", 0, 2), ("a", 3, 4), ("a", 4, 5), ("b", 5, 6)]
