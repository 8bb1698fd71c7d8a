"""What docs/operating.md says of metrics and alerts is taken by Prometheus, and is all there is."""

import re

import pytest

from processes import CHECKOUT
from test_alerts import NAMES

PAGE = (CHECKOUT / "docs/operating.md").read_text()
EXAMPLES = [
    example
    for block in re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL)
    for example in block.strip().split("\n\n")
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[0].strip("# ."))
def test_example_is_taken(prometheus, example):
    prometheus.ask("query", query=example)


def test_there_are_examples():
    assert EXAMPLES


def test_every_alert_is_documented_and_no_other():
    assert set(re.findall(r"^\| `(Waypost\w+)` \|", PAGE, re.MULTILINE)) == set(NAMES)
