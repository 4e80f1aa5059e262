"""Stages that are shared: computed by one, waited for by the others, and never taken from where there is none."""

import threading

import pytest

from tfcompress.searching.engine import Stopped
from tfcompress.searching.stages import FOLDER, SharedStages


def made(root, name="0001"):
    folder = root / "trials" / name / "1-baseline"
    folder.mkdir(parents=True)
    (folder / "stage.json").write_text("{}")
    return folder


def test_who_comes_second_waits_and_finds_it(tmp_path):
    stages, order = SharedStages(tmp_path), []

    def second():
        with SharedStages(tmp_path).claimed("baseline", "k") as claim:
            order.append(claim.folder)

    with stages.claimed("baseline", "k") as claim:
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and claim.folder is None
        folder = made(tmp_path)
        claim.publish(folder)
    waiting.join(10)
    assert order == [folder]


def test_another_key_does_not_wait(tmp_path):
    stages = SharedStages(tmp_path)
    with stages.claimed("baseline", "k"), stages.claimed("baseline", "l") as other, stages.claimed("pruned", "k"):
        assert other.folder is None


def test_whoever_waits_can_be_called_away(tmp_path):
    def look():
        raise Stopped("the time is up")

    stages, reached = SharedStages(tmp_path), []
    with stages.claimed("baseline", "k"), pytest.raises(Stopped), stages.claimed("baseline", "k", look):
        reached.append("two have it")
    assert not reached


def test_what_was_not_finished_is_computed_by_the_next(tmp_path):
    stages = SharedStages(tmp_path)
    with pytest.raises(ValueError, match="diverged"), stages.claimed("baseline", "k"):
        raise ValueError("diverged")
    with stages.claimed("baseline", "k") as claim:
        assert claim.folder is None


@pytest.mark.parametrize("content", ["", "trials/0001/1-baseline", "trials/0002/1-baseline\n"])
def test_a_name_that_is_torn_or_of_nothing_is_none(content, tmp_path):
    made(tmp_path)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "baseline-k").write_text(content)
    assert SharedStages(tmp_path).find("baseline", "k") is None


def test_the_first_that_says_it_has_a_stage_is_found(tmp_path):
    stages, first, second = SharedStages(tmp_path), made(tmp_path), made(tmp_path, "0002")
    for folder in (first, second):
        stages.publish("baseline", "k", folder)
    assert stages.find("baseline", "k") == first
