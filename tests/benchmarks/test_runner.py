"""The benchmarks run, and say what they measured; no test asks how fast anything is."""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

from benchmarks.page import PAGE, RESULTS, with_tables
from benchmarks.plots import lines_of, plot
from benchmarks.report import markdown, table
from benchmarks.rows import Row, results
from benchmarks.timing import slope

_ROW = {"unit": "x", "median": 12.34, "low": 12, "high": 13.5, "process_low": 12.1, "process_high": 12.6}


def test_the_runner_measures_what_is_asked_for_and_prints_the_table():
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--match", "dispatch/hookchain,sections/hookchain/10"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "dispatch, per handler" in said
    assert "sections: from 10 to 10,000" in said
    assert "Flask" not in said.partition("not installed")[0]


def test_a_row_is_met_where_its_median_keeps_the_promise_of_this_python():
    rows = [
        Row("less", ("a", "b"), lambda a, b: a / b, 0.5),
        Row("more", ("a",), lambda a: a, 2, at_least=True),
        Row("published", ("a",), lambda a: a, None),
        Row("elsewhere", ("c",), lambda c: c, 1),
    ]
    less, more, published = results(rows, [{"a": [1.0, 2.0, 3.0], "b": [4.0, 4.0, 4.0]}])
    assert (less.median, less.is_met) == (0.5, True)
    assert (more.median, more.is_met) == (2.0, True)
    assert published.is_met is None


def test_the_slope_of_a_line_is_what_one_more_costs():
    assert slope((0, 5, 10), (1, 11, 21)) == 2


def test_the_table_tells_target_figure_spread_and_whether_it_is_met():
    kept = {**_ROW, "name": "a hook", "target": 15, "at_least": False, "met": True}
    missed = {**_ROW, "name": "threads", "target": 20, "at_least": True, "met": False}
    assert "a hook   at most 15 x   12.3 x    12.0 to 13.5  12.1 to 12.6  yes" in table([kept, missed])
    assert "| threads | at least 20 x | 12.3 x | 12.0 to 13.5 | 12.1 to 12.6 | no |" in markdown([kept, missed])


def test_a_plot_draws_a_line_for_each_subject_of_its_group():
    cases = {f"wsgi/{name}/{n}": {"median": n + 1} for name in ("a&b", "c") for n in (0, 10)}
    cases["asgi/d/0"] = {"median": 1}
    lines = lines_of(cases, "wsgi")
    assert lines == {"a&b": [(0, 1), (10, 11)], "c": [(0, 1), (10, 11)]}
    for is_logarithmic in (False, True):
        drawn = {name: [(x + 1, y) for x, y in points] for name, points in lines.items()}
        picture = ET.fromstring(plot("cost", "hooks", drawn, is_logarithmic=is_logarithmic))  # noqa: S314 - our own
        assert len(picture.findall("{*}polyline")) == 2
        assert "a&b" in [text.text for text in picture.findall("{*}text")]


def test_a_page_gets_the_table_of_each_python_between_its_marks():
    row = {**_ROW, "name": "a hook", "target": None, "at_least": False, "met": None}
    page = "before\n<!-- figures of 3.11 -->\nold\n<!-- end of figures -->\nafter\n"
    filled = with_tables(page, json.loads(json.dumps({"3.11": {"rows": [row]}})))
    assert "old" not in filled
    assert "| a hook |" in filled
    assert with_tables(filled, {"3.11": {"rows": [row]}}) == filled
    assert "No figures yet." in with_tables(page, {})


def test_the_page_shows_the_results_that_are_kept():
    documents = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    assert documents
    page = PAGE.read_text()
    assert with_tables(page, documents) == page
