"""What chief and workers say to each other, and who may."""

import http.client
import stat
import time

import pytest

from tfcompress.core.errors import InvalidValue, WorkerLost
from tfcompress.searching.workers.line import FOLDER, HEADER, SECRET, Line, Listening, Refused, secret_in


def broken(message):
    raise OSError(28, "No space left on device")


def refusing(message):
    raise Refused("not today")


@pytest.fixture
def listening(tmp_path):
    heard = []
    handlers = {"say": lambda message: heard.append(message) or {"heard": len(heard)}, "no": refusing, "break": broken}
    found = Listening("127.0.0.1", 0, secret_in(tmp_path, makes=True), handlers)
    found.heard = heard
    yield found
    found.close()


@pytest.fixture
def line(listening, tmp_path):
    return Line("127.0.0.1", listening.port, tmp_path, patience_s=0.3)


def test_there_and_back(line, listening):
    assert line.ask("say", {"x": [1, None, "ü"]}) == {"heard": 1}
    assert listening.heard == [{"x": [1, None, "ü"]}]


def test_what_the_chief_refuses_is_not_asked_again(line):
    begin = time.monotonic()
    with pytest.raises(Refused, match="not today"):
        line.ask("no", {})
    assert time.monotonic() - begin < 0.3


def test_what_goes_wrong_at_the_desk_is_the_chiefs_to_raise(line, listening):
    with pytest.raises(WorkerLost):
        line.ask("break", {})
    assert isinstance(listening.failed[0], OSError) and listening.failed[0].errno == 28


@pytest.mark.parametrize("secret", ["", "another", "ü".encode().decode("latin-1")])
def test_who_does_not_know_the_secret_is_not_heard(secret, listening):
    connection = http.client.HTTPConnection("127.0.0.1", listening.port, timeout=5)
    connection.request("POST", "/say", "{}", {HEADER: secret})
    assert connection.getresponse().status == 403 and listening.heard == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '"x"'])
def test_what_is_no_object_is_refused(content, listening, tmp_path):
    connection = http.client.HTTPConnection("127.0.0.1", listening.port, timeout=5)
    connection.request("POST", "/say", content, {HEADER: secret_in(tmp_path)})
    assert connection.getresponse().status == 409 and listening.heard == [] and listening.failed == []


def test_the_secret_is_for_who_owns_the_folder_and_stays(tmp_path):
    assert secret_in(tmp_path) == ""
    made = secret_in(tmp_path, makes=True)
    assert len(made) == 32 and secret_in(tmp_path, makes=True) == made
    assert stat.S_IMODE((tmp_path / FOLDER / SECRET).stat().st_mode) == 0o600


def test_a_worker_without_a_chief_waits_for_a_while_and_says_so(tmp_path):
    secret_in(tmp_path, makes=True)
    begin = time.monotonic()
    with pytest.raises(WorkerLost, match=r"no answer from 127\.0\.0\.1, port 9, for 0 s"):
        Line("127.0.0.1", 9, tmp_path, patience_s=0.4).ask("join", {})
    assert 0.4 <= time.monotonic() - begin < 5


def test_a_chief_that_comes_later_is_heard(tmp_path):
    started = []

    def look():  # between two attempts
        if not started:
            started.append(Listening("127.0.0.1", 0, secret_in(tmp_path, makes=True), {"say": lambda message: {}}))
            line.port = started[0].port

    line = Line("127.0.0.1", 9, tmp_path, 5.0, look)
    assert line.ask("say", {}) == {}
    started[0].close()


def test_an_address_of_another_machine_is_refused_in_a_line():
    with pytest.raises(InvalidValue, match="must be able to listen on 192.0.2.1"):
        Listening("192.0.2.1", 0, "secret", {})
