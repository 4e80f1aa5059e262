"""What one trial does of a search: its errors, its time, and the stages that it takes from others."""

import time
from types import SimpleNamespace

import pytest

import tfcompress as tfc
from tfcompress.core.errors import DataUnavailable, OutOfMemory
from tfcompress.core.progress import Silent
from tfcompress.core.types import Recipe, Stage
from tfcompress.running.keys import StageKey
from tfcompress.running.store import Store
from tfcompress.searching.engine import Stopped
from tfcompress.searching.journal import CRASHED
from tfcompress.searching.stages import Sharing
from tfcompress.searching.trials import Subject, Trials, _Watched


def trials(root, make=None):
    return Trials(root, Subject("mine", "", make, tfc.Settings()), tfc.Budget(max_macs=9), 0.2, Silent())


def raising(error):
    def make(settings):
        raise error

    return make


@pytest.mark.parametrize("error", [ValueError("too\nlarge"), OutOfMemory("too large"), MemoryError("too large")])
def test_a_crash_is_recorded_with_its_reason(error, tmp_path):
    record = trials(tmp_path, raising(error)).run(3, {"a": 1}, tfc.Settings(), None)
    assert (record.number, record.status, dict(record.figures)) == (3, CRASHED, {})
    assert "too large" in record.reason and "\n" not in record.reason


@pytest.mark.parametrize("error", [DataUnavailable("gone"), tfc.TfcompressError("no"), OSError(28, "No space left")])
def test_what_the_next_trial_would_die_of_ends_the_search(error, tmp_path):
    work = trials(tmp_path, raising(error))
    if type(error) is tfc.TfcompressError:  # and what it would not die of does not
        assert work.run(1, {}, tfc.Settings(), None).status == CRASHED
    else:
        with pytest.raises(tfc.TfcompressError, match="gone|No space left"):
            work.run(1, {}, tfc.Settings(), None)


def test_ctrl_c_is_no_crash_whoever_has_caught_it(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trials(tmp_path, raising(RuntimeError("in user code: KeyboardInterrupt"))).run(1, {}, tfc.Settings(), None)


def test_a_training_is_left_when_the_time_is_up(tmp_path):
    work = trials(tmp_path)
    work.deadline = time.monotonic() + 0.05
    watched = _Watched(Silent(), "trial 1", work._look)
    with watched.task("pruned", 10) as advance:
        advance(1, "")
        time.sleep(0.06)
        with pytest.raises(Stopped):
            advance(2, "")
    with pytest.raises(Stopped), watched.task("quantized", 10):
        pass


def recipe_of(*names):
    return Recipe(None, tuple(Stage(name, tfc.Train()) for name in names), {}, ())


@pytest.fixture
def shared(made_run, tmp_path):
    """A search with a finished trial of the stages baseline and pruned, and the store of a new one."""
    made_run("search/trials/0001")
    store = Store(tmp_path / "search" / "trials" / "0002")
    store.open()
    yield trials(tmp_path / "search"), store
    store.close()


def taken(work, store, keys):
    """The stages that a run of these keys takes from others; it trains none of the rest."""
    sharing = Sharing(work.stages, store, recipe_of(*keys), {name: StageKey(key) for name, key in keys.items()})
    for name in keys:
        with sharing.around(name):
            pass
    return sharing.names


def test_a_stage_of_the_same_key_is_taken_without_a_copy(shared, tmp_path):
    work, store = shared
    assert taken(work, store, {"baseline": "key of baseline", "pruned": "another"}) == ["baseline"]
    first, second = (tmp_path / "search" / "trials" / each / "1-baseline" / "model.keras" for each in ("0001", "0002"))
    assert first.samefile(second) and not (store.root / "2-pruned").exists()


@pytest.mark.parametrize(
    ("name", "key"), [("other", "key of baseline"), ("baseline", None), ("baseline", "key of pruned")]
)
def test_another_name_or_key_takes_nothing(shared, name, key):
    work, store = shared
    assert taken(work, store, {name: key}) == []


def test_a_trial_does_not_take_its_own(made_run, tmp_path):
    root = made_run("search/trials/0001")
    work = trials(tmp_path / "search")
    store = SimpleNamespace(root=root, read_json=Store(root).read_json)
    assert taken(work, store, {"baseline": "key of baseline"}) == []
