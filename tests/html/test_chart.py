"""Charts: where things are drawn, what they say, and that foreign text stays text."""

import re
from math import inf, nan
from xml.etree import ElementTree

import pytest

from axon.html.chart import ChartLine, lines
from axon.html.marks import columns, dots, matrix, points, spark
from axon.html.parts import Share, framed, table
from axon.html.scale import Scale, ticks

EVIL = '<script>"&'


def tree(chart: str) -> ElementTree.Element:
    """The chart as XML: what a browser reads without guessing."""
    return ElementTree.fromstring(chart)


CHARTS = {
    "lines": lambda: lines(
        [ChartLine(EVIL, [1, 2, 3], [0.5, nan, 0.2], 1, True)], EVIL, EVIL, mark=(3, 0.2, EVIL)
    ),
    "nothing": lambda: lines([ChartLine("a", [], []), ChartLine("b", [], [])], "nothing"),
    "lost": lambda: lines([ChartLine("a", [1, 2], [nan, inf])], "lost", log=True),
    "points": lambda: points(
        [1, 2], [3, 4], [EVIL, EVIL], EVIL, EVIL, y_name=EVIL, guide="diagonal"
    ),
    "columns": lambda: columns([-1, 0, 1], [3, 0], EVIL, EVIL, x_name=EVIL, zero=True),
    "dots": lambda: dots([EVIL, "b"], [ChartLine(EVIL, [1, 2], [])] * 2, EVIL, more=[EVIL, ""]),
    "matrix": lambda: matrix([[3, 1], [0, 2]], [EVIL, "b" * 60], EVIL),
    "many classes": lambda: matrix(
        [[int(i == j) for j in range(100)] for i in range(100)], [EVIL] * 100, EVIL
    ),
    "spark": lambda: spark([1, 0, 2], [EVIL] * 3),
}


@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_xml_and_foreign_text_is_text(name: str) -> None:
    chart = CHARTS[name]()
    root = tree(chart)
    assert not list(root.iter("script"))
    assert not re.findall(r'="[^"]*(?:nan|inf)', chart)
    said = [text.text for text in root.iter("text")] + [t.text for t in root.iter("title")]
    if EVIL in chart.replace("&lt;", "<").replace("&quot;", '"').replace("&amp;", "&"):
        assert any(text and EVIL[:3] in text for text in said)


def test_lines_lie_where_their_values_are_and_say_them() -> None:
    root = tree(lines([ChartLine("a", [0, 10], [0, 1])], "", x_range=(0, 10), y_range=(0, 1)))
    path = next(p for p in root.iter("path") if p.get("class") == "line")
    assert path.get("d") == "M46.0 189.0L348.0 20.0"  # from the lower left to the upper right
    bands = [g for g in root.iter("g") if g.get("class") == "h"]
    assert [g.find("g/text").text for g in bands] == ["0 · a 0", "10 · a 1"]
    assert all(g.find("g").get("visibility") == "hidden" for g in bands)


def test_a_line_is_broken_where_it_has_no_value() -> None:
    d = next(
        p.get("d")
        for p in tree(lines([ChartLine("a", [1, 2, 3, 4], [1, nan, 2, 3])], "")).iter("path")
        if p.get("class") == "line"
    )
    assert d.count("M") == 2


def test_a_long_line_keeps_its_ends_in_few_points() -> None:
    x = list(range(5000))
    chart = lines([ChartLine("a", x, x)], "")
    assert len(chart) < 40_000
    assert "0 · a 0<" in chart
    assert "4,999 · a 4,999<" in chart


def test_columns_are_as_high_as_their_counts() -> None:
    bars = [
        r for r in tree(columns([0, 1, 2], [2, 4], "")).iter("rect") if r.get("class") == "seen"
    ]
    low, high = (float(bar.get("height")) for bar in bars)
    assert high == pytest.approx(2 * low, abs=0.2)


def test_a_matrix_draws_what_is_not_0() -> None:
    cells = [r.get("class") for r in tree(matrix([[3, 1], [0, 2]], ["a", "b"], "")).iter("rect")]
    assert [c for c in cells if "seen" in str(c)] == ["seen cell", "seen wrong", "seen cell"]


def test_scales() -> None:
    assert Scale([1, 100], 0, 10, log=True)(10) == pytest.approx(5)
    assert Scale([-1, 100], 0, 10, log=True)(-1) == 0  # not above 0: as it is
    assert Scale([5, 5], 0, 10)(5) == 5
    assert Scale([], 0, 10)(0.5) == 5
    assert Scale([0, 1], 0, 10)(7) == pytest.approx(10.2)  # beyond: at the end
    for low, high in ((0, 1), (-3e-9, 2e-9), (1e12, 3e12), (0.1, 0.1)):
        found = ticks(low, high)
        assert all(low <= t <= high for t in found)
        assert 1 <= len(found) <= 6


def test_tables_escape_and_draw_shares() -> None:
    html = table(["<a>"], [["<b>"], [Share(0.25)]])
    assert "<a>" not in html
    assert "<b>" not in html
    assert "--share: 25.0%" in html
    assert "&lt;i&gt;" in framed("<i>")
