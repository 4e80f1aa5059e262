import logging

from tfcompress.core.progress import Logged


def test_it_goes_to_the_log(caplog):
    progress = Logged()
    with caplog.at_level(logging.INFO, logger="tfcompress"), progress.task("export", total=None) as advance:
        progress.say("It is 50% smaller.")
        advance(1, "")
    assert [record.getMessage() for record in caplog.records] == ["export ...", "It is 50% smaller."]
