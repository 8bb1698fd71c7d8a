#!/usr/bin/env python3
"""Medians of a run's results, as Markdown. `added` is Waypost minus the bare server."""

import json
import sys
from statistics import median

BARE, OURS = "bare", "waypost"


def main(path):
    with open(path) as lines:
        rows = [json.loads(line) for line in lines]
    head = rows[0]
    print(
        f"{head['date']}, {head['commit']}, {head['machine']}, {head['cores']} cores, Linux {head['kernel']}; "
        f"{head['reps']} repetitions of {head['secs']} s."
    )
    tests = list(dict.fromkeys(row["test"] for row in rows[1:]))

    def value(name, test, key, pick=median):
        found = [row[key] for row in rows[1:] if (row["name"], row["test"]) == (name, test) and row.get(key) is not None]
        return pick(found) if found else None

    def table(title, wanted, columns):
        print(f"\n**{title}**\n\n| | " + " | ".join(head for head, *_ in columns) + " |")
        print("|---|" + "---:|" * len(columns))
        for test in tests:
            if not wanted(test):
                continue
            for name in (BARE, OURS):
                cells = [show(value(name, test, key, pick), digits) for _, key, digits, pick in columns]
                print(f"| {test}, {name} | " + " | ".join(cells) + " |")
            key, digits = columns[0][1:3]
            both = value(OURS, test, key), value(BARE, test, key)
            if None not in both:
                print(f"| {test}, added | {show(both[0] - both[1], digits)} |" + " |" * (len(columns) - 1))

    table("Calls of a tool that does nothing", lambda test: "c=" in test, [
        ("CPU µs/call", "cpu_us_per_call", 1, median),
        ("calls/s", "calls_per_sec", 0, median),
        ("p50 µs", "p50_us", 0, median),
        ("p99 µs", "p99_us", 0, median),
        ("errors", "errors", 0, max),
        ("noise %", "noise_pct", 0, max),
    ])
    table("64 calls of 100 ms at once, one session", lambda test: test == "parallel", [
        ("all done after, ms", "all_ms", 0, median),
        ("good", "good", 0, min),
    ])
    table("Sessions of 2025-11-25", lambda test: test.startswith("sessions"), [
        ("KiB each", "kib_each", 1, median),
        ("CPU µs to open one", "cpu_us_each", 0, median),
        ("sessions", "sessions", 0, median),
    ])


def show(number, digits):
    return "–" if number is None else f"{number:,.{digits}f}"


main(sys.argv[1])
