"""The dashboard on a running gateway: every query of every panel finds numbers."""

import itertools
import json
import time

import pytest

from processes import until
from stack import GRAFANA

BOARD = json.loads((GRAFANA / "waypost.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [
    pytest.param(query["expr"], id=f"{panel['title']}, {query['refId']}")
    for panel in PANELS
    for query in panel["targets"]
]
VARIABLES = {each["name"]: each for each in BOARD["templating"]["list"]}

# What Grafana would put in; the interval spans twenty scrapes, so that rare events leave a trace.
SUBSTITUTES = {"$__rate_interval": "20s", "$route": ".*", "$provider": ".*"}

# How long after the start of the demo all of its kinds of events have been seen, with much room.
PATIENCE = 90.0


@pytest.fixture(scope="module")
def deadline():
    return time.monotonic() + PATIENCE


def test_panels_are_in_order():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert ids == sorted(set(ids)), "an id is used twice or out of order: links and alerts of users name them"
    for panel in PANELS:
        assert panel["description"].count(".") >= 2, f"{panel['title']}: what does it show, what is to be done?"
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]


def test_panels_do_not_overlap():
    def cells(panel):
        at = panel["gridPos"]
        return set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))

    taken = {}
    for panel in BOARD["panels"]:
        for cell in cells(panel):
            assert cell[0] < 24 and cell not in taken, f"{panel['title']} lies on {taken.get(cell, 'the edge')}"
            taken[cell] = panel["title"]


@pytest.mark.parametrize("name", ["route", "provider"])
def test_variable_has_values(prometheus, name):
    query = VARIABLES[name]["query"]["query"]
    metric, label = query.removeprefix("label_values(").removesuffix(")").split(", ")
    assert label == name
    until(f"{query} has values", lambda: prometheus.ask(f"label/{label}/values", **{"match[]": metric}))


@pytest.mark.parametrize("query", QUERIES)
def test_panel_has_data(prometheus, deadline, query):
    for name, value in SUBSTITUTES.items():
        query = query.replace(name, value)
    assert "$" not in query, "a variable that the dashboard does not have"
    left = max(deadline - time.monotonic(), 2.0)
    until(f"{query} gives a number", lambda: prometheus.numbers(query), left)
