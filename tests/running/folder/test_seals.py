import hashlib

import pytest

from tfcompress.running.folder.seals import digest, digests, sealed, unsealed


@pytest.mark.parametrize("value", [{}, {"a": [1, None, "é", 0.1, float("inf")], "b": {"seal": 1}}])
def test_what_was_sealed_comes_back(value):
    assert unsealed(sealed(value)) == value


def test_the_seal_is_the_sha_256_of_the_rest():
    rest = '{\n  "a": 1\n}\n'
    assert hashlib.sha256(rest.encode()).hexdigest() in sealed({"a": 1})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("0.9", "1.0"),
        lambda text: text + " ",
        lambda text: text[:-3],
        lambda text: "",
        lambda text: "null",
        lambda text: "[]",
        lambda text: '{"accuracy": 0.9}',
        lambda text: text.replace('"accuracy": 0.9', '"accuracy": 0.9,\n  "accuracy": 0.9'),
        lambda text: "[" * 100_000,
        lambda text: text.replace('"seal": "', '"seal": "0'),
    ],
)
def test_whatever_is_not_what_was_written_is_refused(damage):
    with pytest.raises(ValueError):
        unsealed(damage(sealed({"accuracy": 0.9})))


def test_a_digest_is_sha_256_of_all_of_a_file(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(3_000_000))
    expected = hashlib.sha256(bytes(3_000_000)).hexdigest()
    assert digest(tmp_path / "a" / "b") == expected
    assert digests(tmp_path) == {"a/b": expected}
