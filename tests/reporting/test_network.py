import re

from tfcompress.reporting.page.network import EDGE, LANE, graph_rows


def lanes(drawings):
    return [(int(re.search(r'cx="(\d+)"', each)[1]) - EDGE) // LANE for each in drawings]


def test_a_sequence_is_one_line():
    drawings = graph_rows([[], [0], [1]], [0, 1, 2])
    assert lanes(drawings) == [0, 0, 0]
    assert "M9 15.0V30" in drawings[0]
    assert "M9 0V15.0" in drawings[2]
    assert "V30" not in drawings[2].partition("<circle")[0].replace("V15.0", "")


def test_a_skip_connection_runs_beside_what_it_skips():
    drawings = graph_rows([[], [0], [1], [0, 2]], [0, 1, 2, 3])
    assert lanes(drawings) == [0, 1, 1, 0]
    assert "M9 0V30" in drawings[1]
    assert "M9 0V30" in drawings[2]
    assert "M23 0C23" in drawings[3]


def test_a_lane_is_used_again_when_it_is_free():
    drawings = graph_rows([[], [], [0, 1], [], [2, 3]], [0, 1, 2, 3, 4])
    assert lanes(drawings) == [0, 1, 0, 1, 0]
