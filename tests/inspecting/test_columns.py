from tfcompress.inspecting.columns import Column, fitting, lines

NAME = Column("name", ("first", "second"), least=4)
COUNT = Column("count", ("1", "20,000"), right=True)
LUXURY = Column("luxury", ("xxxxxxxxxx", ""), rank=3)
EXTRA = Column("extra", ("yes", "no"), rank=1)


def headings(width):
    return [column.heading for column in fitting([NAME, COUNT, LUXURY, EXTRA], width)]


def test_columns_go_by_rank_as_the_page_narrows():
    # 6 + 6 + 10 + 5 and three gaps of 2
    assert headings(33) == ["name", "count", "luxury", "extra"]
    assert headings(32) == ["name", "count", "extra"]  # before the name shrinks
    assert headings(19) == ["name", "count", "extra"]  # 4 + 6 + 5 and two gaps
    assert headings(18) == ["name", "count"]


def test_cells_are_aligned_and_cut_with_dots():
    assert [line.plain for line in lines([NAME, COUNT], 12)] == [
        "name   count",
        "────────────",
        "fir…       1",
        "sec…  20,000",
    ]


def test_no_line_ends_in_spaces_or_is_longer_than_the_page():
    for width in (12, 20, 40, 80):
        for line in lines([NAME, COUNT, LUXURY, EXTRA], width):
            assert len(line.plain) <= width
            assert line.plain == line.plain.rstrip()
