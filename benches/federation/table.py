#!/usr/bin/env python3
"""Medians of a run's results, as Markdown: calls directly, of Waypost's own tool, and through it."""

import json
import sys
from statistics import median

COLUMNS = [
    ("CPU µs/call", "cpu_us_per_call", 1, median),
    ("calls/s", "calls_per_sec", 0, median),
    ("p50 µs", "p50_us", 0, median),
    ("p99 µs", "p99_us", 0, median),
    ("errors", "errors", 0, max),
    ("noise %", "noise_pct", 0, max),
]


def main(path):
    with open(path) as lines:
        head, *rows = [json.loads(line) for line in lines]
    print(
        f"{head['date']}, {head['commit']}, {head['machine']}, {head['cores']} cores, Linux {head['kernel']}; "
        f"{head['reps']} repetitions of {head['secs']} s. CPU is that of the server under test alone."
    )
    print("\n| | " + " | ".join(title for title, *_ in COLUMNS) + " |\n|---|" + "---:|" * len(COLUMNS))
    for test in dict.fromkeys(row["test"] for row in rows):
        for name in dict.fromkeys(row["name"] for row in rows):
            found = [row for row in rows if (row["name"], row["test"]) == (name, test)]
            cells = [show([row[key] for row in found], digits, pick) for _, key, digits, pick in COLUMNS]
            print(f"| {test}, {name} | " + " | ".join(cells) + " |")


def show(numbers, digits, pick):
    numbers = [number for number in numbers if number is not None]
    return f"{pick(numbers):,.{digits}f}" if numbers else "–"


main(sys.argv[1])
