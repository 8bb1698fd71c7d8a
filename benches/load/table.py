#!/usr/bin/env python3
"""Medians of a run's results, as Markdown. `added` is a target minus `direct` of the same repetition; `of bare`
is its share of the bare proxy of the same repetition."""

import json
import sys
from statistics import median

DIRECT, BARE, OURS = "direct", "passthrough", "waypost"


def read(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def value(row, path):
    for key in path.split("."):
        row = row.get(key) if isinstance(row, dict) else None
    return row


class Results:
    def __init__(self, rows):
        self.runs = {}
        self.names, self.tests = [], []
        for row in rows:
            if "test" not in row:
                continue
            self.runs.setdefault((row["name"], row["test"]), {})[row["rep"]] = row
            if row["name"] not in self.names:
                self.names.append(row["name"])
            if row["test"] not in self.tests:
                self.tests.append(row["test"])

    def values(self, name, test, path):
        rows = self.runs.get((name, test), {})
        return {rep: value(row, path) for rep, row in rows.items() if value(row, path) is not None}

    def median(self, name, test, path):
        found = self.values(name, test, path).values()
        return median(found) if found else None

    def against(self, name, test, path, base, compare):
        ours, theirs = self.values(name, test, path), self.values(base, test, path)
        pairs = [compare(ours[rep], theirs[rep]) for rep in ours if theirs.get(rep)]
        return median(pairs) if pairs else None

    def added(self, name, test, path):
        return None if name == DIRECT else self.against(name, test, path, DIRECT, lambda a, b: a - b)

    def share(self, name, test, path):
        return self.against(name, test, path, BARE, lambda a, b: a / b)

    def worst(self, name, test, path):
        return max(self.values(name, test, path).values(), default=None)


def show(number, digits=0, divisor=1):
    return "–" if number is None else f"{number / divisor:,.{digits}f}"


def table(results, test, title, columns):
    if test not in results.tests:
        return
    print(f"\n**{title}**\n")
    print("| | " + " | ".join(head for head, _ in columns) + " |")
    print("|---|" + "---:|" * len(columns))
    for name in results.names:
        if (name, test) in results.runs:
            print(f"| {name} | " + " | ".join(cell(name) for _, cell in columns) + " |")


def report(results):
    r = results

    def per_core(name, test):
        cpu = r.median(name, test, "gateway.cpu_us_per_request")
        return 1e6 / cpu if cpu else None

    def plain(test):
        return [
            ("requests/s", lambda n: show(r.median(n, test, "rps"))),
            ("of bare", lambda n: show(r.share(n, test, "rps"), 2)),
            ("CPU µs/request", lambda n: show(r.median(n, test, "gateway.cpu_us_per_request"), 1)),
            ("CPU, times bare", lambda n: show(r.share(n, test, "gateway.cpu_us_per_request"), 2)),
            ("requests/s a core can do", lambda n: show(per_core(n, test))),
            ("p50 ms", lambda n: show(r.median(n, test, "latency_us.p50"), 2, 1e3)),
            ("p99 ms", lambda n: show(r.median(n, test, "latency_us.p99"), 2, 1e3)),
            *tail(test),
        ]

    def paced(test):
        return [
            ("p50 µs", lambda n: show(r.median(n, test, "latency_us.p50"))),
            ("p99 µs", lambda n: show(r.median(n, test, "latency_us.p99"))),
            ("added p50", lambda n: show(r.added(n, test, "latency_us.p50"))),
            ("added p99", lambda n: show(r.added(n, test, "latency_us.p99"))),
            ("CPU µs/request", lambda n: show(r.median(n, test, "gateway.cpu_us_per_request"), 1)),
            ("answered", lambda n: show(r.median(n, test, "ok"))),
            *tail(test),
        ]

    def streams(test):
        return [
            ("at once", lambda n: show(r.median(n, test, "active_max"))),
            ("complete", lambda n: show(r.median(n, test, "ok"))),
            ("short", lambda n: show(r.worst(n, test, "short"))),
            ("with usage", lambda n: show(r.median(n, test, "usage_seen"))),
            ("first token p50 / p99 ms", lambda n: pair(n, test, "first_token_us")),
            ("added p50 / p99 ms", lambda n: added_pair(n, test, "first_token_us")),
            ("chunk's way p50 / p99 ms", lambda n: pair(n, test, "transit_us")),
            ("CPU µs/chunk", lambda n: show(r.median(n, test, "gateway.cpu_us_per_chunk"), 1)),
            ("RSS MiB", lambda n: show(r.worst(n, test, "gateway.rss_peak_mib"))),
            *tail(test),
        ]

    def failover(test):
        return [
            ("success %", lambda n: show(success(n, test), 2)),
            ("requests/s", lambda n: show(r.median(n, test, "rps"))),
            ("p50 ms", lambda n: show(r.median(n, test, "latency_us.p50"), 2, 1e3)),
            ("p99 ms", lambda n: show(r.median(n, test, "latency_us.p99"), 2, 1e3)),
            ("added p50 / p99 ms", lambda n: added_pair(n, test, "latency_us")),
            ("CPU µs/request", lambda n: show(r.median(n, test, "gateway.cpu_us_per_request"), 1)),
            ("CPU, times bare", lambda n: show(r.share(n, test, "gateway.cpu_us_per_request"), 2)),
            ("noise %", lambda n: show(r.worst(n, test, "noise_pct"))),
        ]

    def success(name, test):
        """Of all requests of all repetitions."""
        rows = r.runs.get((name, test), {}).values()
        asked = sum(row["ok"] + row["errors"] for row in rows)
        return 100 * sum(row["ok"] for row in rows) / asked if asked else None

    def tail(test):
        return [
            ("errors", lambda n: show(r.worst(n, test, "errors"))),
            ("noise %", lambda n: show(r.worst(n, test, "noise_pct"))),
        ]

    def pair(name, test, path):
        return both(lambda q: r.median(name, test, f"{path}.{q}"))

    def added_pair(name, test, path):
        return both(lambda q: r.added(name, test, f"{path}.{q}"))

    def both(read):
        found = [read("p50"), read("p99")]
        return "–" if None in found else " / ".join(show(us / 1e3, 2) for us in found)

    table(r, "closed64", "64 connections, closed loop", plain("closed64"))
    for rate in (200, 1000, 3000):
        table(r, f"rate{rate}", f"{rate:,} requests/s, on a timetable", paced(f"rate{rate}"))
    table(r, "streams1000", "1,000 streams at once, 60 chunks each, 50 ms apart", streams("streams1000"))
    table(r, "prompt100k", "100 KiB prompts, 16 connections, closed loop", plain("prompt100k"))
    table(r, "translate", "OpenAI in, Anthropic's API behind, 64 connections, closed loop", plain("translate"))
    table(r, "translate1000", "The same as 1,000 streams", streams("translate1000"))
    table(r, "failover50", "Failover: the first target always answers 500, 50 requests/s", failover("failover50"))
    table(r, "failover64", "Failover: the same with 64 connections, closed loop", failover("failover64"))


def startup(rows):
    runs = [row for row in rows if "startup_ms" in row]
    if not runs:
        return
    print("\n**Start and size**\n\n| | start to first 200, ms | RSS idle, MiB | binary, MB |\n|---|---:|---:|---:|")
    sizes = {row["name"]: row["binary_bytes"] for row in rows if "binary_bytes" in row}
    for name in dict.fromkeys(row["name"] for row in runs):
        ours = [row for row in runs if row["name"] == name]
        start = median(row["startup_ms"] for row in ours)
        idle = median(row["rss_idle_mib"] for row in ours)
        size = sizes.get(name)
        print(f"| {name} | {show(start, 1)} | {show(idle, 1)} | {show(size and size / 1e6, 1)} |")


def targets(results):
    """What the project asks of itself, each with whether this run met it."""
    r = results
    asked = []

    def ask(what, number, limit, ok, digits=2):
        if number is not None:
            asked.append((what, show(number, digits), limit, "met" if ok(number) else "**missed**"))

    cpu = r.share(OURS, "closed64", "gateway.cpu_us_per_request")
    ask("requests/s per core, of the bare proxy's", cpu and 1 / cpu, "≥ 0.45", lambda x: x >= 0.45)
    ask("CPU of a 100 KiB prompt, times the bare proxy's", r.share(OURS, "prompt100k", "gateway.cpu_us_per_request"), "≤ 3", lambda x: x <= 3)
    ask("RSS at 1,000 streams, MiB", r.worst(OURS, "streams1000", "gateway.rss_peak_mib"), "< 120", lambda x: x < 120, 0)
    rows = r.runs.get((OURS, "streams1000"), {}).values()
    if rows:
        whole = min(row["ok"] for row in rows)
        ask("complete streams of 1,000, in the worst repetition", whole, "1,000", lambda x: x == 1000, 0)
    if asked:
        print("\n**Targets**\n\n| | measured | target | |\n|---|---:|---:|---|")
        for row in asked:
            print("| " + " | ".join(row) + " |")


def main():
    rows = read(sys.argv[1])
    results = Results(rows)
    for row in rows:
        if "machine" in row:
            print(f"{row['date']}, {row['commit']}, {row['machine']}, {row['cores']} cores, Linux {row['kernel']}; {row['reps']} repetitions of {row['secs']} s, medians")
    targets(results)
    report(results)
    startup(rows)


main()
