"""Where a process stands: what is set half, or twice, is refused in a line."""

import importlib.util
import re
from pathlib import Path

import pytest

from tfcompress.core.errors import InvalidValue
from tfcompress.searching.workers.place import HOST, NAME, PORT, STARTED_BY, chosen_place, place_in, threads_each

SET = {NAME: "w1", HOST: "127.0.0.1", PORT: "18431"}


def test_the_names_are_keras_tuners():
    found = importlib.util.find_spec("keras_tuner")  # not imported: it would bring Keras 3
    source = (Path(found.origin).parent / "src" / "distribute" / "oracle_client.py").read_text()
    assert set(re.findall(r"KERASTUNER_\w+", source)) == {NAME, HOST, PORT}


@pytest.mark.parametrize("name", SET)
def test_half_of_it_is_refused_by_what_is_missing(name):
    with pytest.raises(InvalidValue, match=f"no {name}"):
        place_in({**SET, name: ""})


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_port_is_one(port):
    with pytest.raises(InvalidValue, match="must be a port"):
        place_in({**SET, PORT: port})


def test_a_name_makes_no_path():
    with pytest.raises(InvalidValue, match="letters, digits"):
        place_in({**SET, NAME: "../w1"})


def test_a_name_with_chief_in_it_is_the_chiefs_as_in_keras_tuner():
    assert place_in({**SET, NAME: "chief"}).is_chief and not place_in(SET).is_chief
    assert place_in({}) is None


def test_workers_are_asked_for_where_the_chief_is():
    with pytest.raises(InvalidValue, match="where the chief is"):
        chosen_place(2, SET)
    assert chosen_place(2, {**SET, STARTED_BY: "1"}).is_started  # the same command, in a worker that it started
    assert chosen_place(2, {**SET, NAME: "chief"}).port == 18431
    assert chosen_place(None, {}) is None


@pytest.mark.parametrize("number", [0, -1])
def test_no_workers_are_refused(number):
    with pytest.raises(InvalidValue, match="at least 1"):
        chosen_place(number, {})


def test_threads_are_the_cores_shared():
    assert [threads_each(each, 8) for each in (1, 3, 8, 9)] == [8, 2, 1, 1]
