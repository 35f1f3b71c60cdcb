"""Charts as what Plotly draws: texts are escaped, labels stand at places, and each has its numbers as a table."""

import json
import math

import numpy as np
import pytest

from variate.reports.charts import bar_figure, drawn_text, line_figure, map_figure, table_of_bars, table_of_lines
from variate.reports.exhibits import BarChart, Bars, Line, LineChart, PointMap
from variate.tasks.map_colors import Colors

HOSTILE = "</script><b>x</b>&%{x}"


def lines(**changes):
    training = Line("training", (1.0, 2.0, 3.0, 4.0), (-1e6, -5.0, -4.0, math.nan), "real")
    return LineChart(
        (training, Line("validation", (2.0, 4.0), (-6.0, -4.5), "drawn")), "ELBO", "epoch", "nats", **changes
    )


def bars(labels=("a", "b"), **changes):
    return BarChart(
        labels, (Bars("real", (0.25, 0.75), "real"), Bars("drawn", (0.5, 0.5), "drawn")), "x", "share", **changes
    )


@pytest.mark.parametrize("text", [HOSTILE, "a<a href='javascript:x'>y", "plain"])
def test_texts_are_drawn_letter_by_letter(text):
    found = drawn_text(text)
    assert "<" not in found
    assert found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_texts_are_of_bounded_length_and_one_line():
    assert len(drawn_text("x" * 500)) == 60
    assert "\n" not in drawn_text("a\nb")
    assert "\u202e" not in drawn_text("a\u202eb")


def test_numbers_that_are_none_are_null_and_the_view_leaves_out_a_far_beginning():
    found = line_figure(lines(marked=2.0))
    assert found["data"][0]["y"] == [-1e6, -5.0, -4.0, None]
    far = Line("a", tuple(map(float, range(20))), (-1e6, *[-5.0] * 18, -4.0), "real")
    low, high = line_figure(LineChart((far,), "", "", ""))["layout"]["yaxis"]["range"]
    assert (low, high) == (pytest.approx(-5.06), pytest.approx(-3.94))
    assert found["layout"]["shapes"][0]["x0"] == 2.0
    json.dumps(found, allow_nan=False)


def test_bars_stand_at_places_so_that_no_label_is_taken_for_a_date_and_equal_ones_stay_apart():
    found = bar_figure(bars(("2020-01-01", "2020-01-01")))
    assert found["data"][0]["y"] == [0, 1]
    assert found["data"][0]["x"] == [0.25, 0.75]
    assert found["layout"]["yaxis"]["ticktext"] == ["2020-01-01"] * 2


def test_numbers_have_bars_and_an_outline_of_the_same_edges():
    found = bar_figure(bars(is_of_numbers=True, is_share=True))
    filled, outline = found["data"]
    assert filled["type"] == "bar"
    assert filled["y"] == [0.25, 0.75]
    assert outline["x"] == [-0.5, 0.5, 1.5]
    assert outline["y"] == [0.5, 0.5, 0.5]
    assert found["layout"]["bargap"] == 0


def test_names_never_reach_plotly_as_they_are():
    found = bar_figure(BarChart((HOSTILE,), (Bars(HOSTILE, (1.0,), "real"),), HOSTILE, "share", level=(1.0, HOSTILE)))
    assert "<b>" not in json.dumps(found)
    colors = Colors(HOSTILE, np.array([0.0, 1.0]), (HOSTILE, "b"))
    chart = PointMap(np.zeros((2, 2)), (colors,), "", HOSTILE, "y")
    found = map_figure(chart)
    assert found["colors"][0].pop("label") == HOSTILE  # which is no HTML: it becomes the text of an option
    assert "<b>" not in json.dumps(found)


def test_a_map_groups_rare_categories_and_missing_cells():
    values = np.array([*range(12), *range(10), np.nan])
    found = map_figure(PointMap(np.zeros((23, 2)), (Colors("c", values, tuple("abcdefghijkl")),), "", "", ""))[
        "colors"
    ][0]
    assert found["names"] == [*"abcdefghij", "other or missing"]
    assert found["groups"][:12] == [*range(10), 10, 10]
    assert found["groups"][-1] == 10


def test_numbers_on_a_map_have_shades_by_rank():
    found = map_figure(
        PointMap(np.zeros((4, 2)), (Colors("c", np.array([5.0, np.nan, 1000.0, 7.0]), (), ("5", "1000")),), "", "", "")
    )
    (own,) = found["colors"]
    assert own["shade"] == [0.0, None, 1.0, 0.5]
    assert own["values"] == [5.0, None, 1000.0, 7.0]


def test_the_numbers_of_a_chart_are_a_table():
    found = table_of_lines(lines())
    assert found.headings == ("epoch", "training", "validation")
    assert found.rows[1] == ("2", "-5.0000", "-6.0000")
    assert found.rows[0][2] == ""
    assert (
        len(table_of_lines(LineChart((Line("a", *[tuple(map(float, range(500)))] * 2, "real"),), "", "x", "")).rows)
        == 20
    )
    assert table_of_bars(bars(is_share=True)).rows == (("a", "25.0%", "50.0%"), ("b", "75.0%", "50.0%"))
