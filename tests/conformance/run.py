"""Runs the official conformance suite against the built program with `config/conformance.yaml`, both revisions.

Every check counts, of the scenarios that are scored and of those that are not: one that failed or warned fails the
run. What the suite itself skips is named. The first argument is where to write the results as JUnit; others name
revisions, all when there are none.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(CHECKOUT / "tests/clients"))

from processes import QUIET, WAYPOST, Program, free_ports  # noqa: E402

REVISIONS = ["2025-11-25", "2026-07-28"]
NODE = HERE / "node_modules/node/bin/node"
SUITE = HERE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"

# What the suite has in each revision: fewer means that it gave up half-way.
SCENARIOS = {"2025-11-25": 33, "2026-07-28": 50}


class Gateway(Program):
    """A Waypost with the suite's configuration, on free ports. The suite sends its own address as `Origin`."""

    def __init__(self, folder: pathlib.Path):
        public, admin = free_ports(2)
        self.url = f"http://127.0.0.1:{public}"
        text = (CHECKOUT / "config/conformance.yaml").read_text()
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{public}").replace("127.0.0.1:9090", f"127.0.0.1:{admin}")
        written = folder / "conformance.yaml"
        written.write_text(text)
        super().__init__("waypost", [WAYPOST, "serve", "--config", written], folder, {}, f"{self.url}/readyz", 20.0)


def checks(revision: str, url: str, folder: pathlib.Path):
    """Runs one requirement set; gives each check with its scenario."""
    command = [NODE, SUITE, "server", "--url", f"{url}/mcp", "--requirements", revision, "--output-dir", folder]
    run = subprocess.run(command, env=QUIET, capture_output=True, text=True, timeout=300)
    scenarios = sorted(folder.iterdir()) if folder.exists() else []
    if len(scenarios) < SCENARIOS[revision]:
        print((run.stdout + run.stderr)[-4_000:])
        yield "suite", {"id": f"only {len(scenarios)} scenarios left results", "status": "FAILURE"}
    for scenario in scenarios:
        # A folder's name is `server-`, the scenario and the time.
        name = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", scenario.name)
        for check in json.loads((scenario / "checks.json").read_text()):
            yield name, check


def main(junit: str, revisions: list[str]) -> int:
    suites = xml.Element("testsuites")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        gateway = Gateway(folder)
        try:
            for revision in revisions:
                suite = xml.SubElement(suites, "testsuite", name=f"conformance {revision}")
                counts: dict[str, int] = {}
                for scenario, check in checks(revision, gateway.url, folder / revision):
                    status = check["status"]
                    counts[status] = counts.get(status, 0) + 1
                    if status in ("SUCCESS", "FAILURE", "WARNING"):
                        name = f"{revision} {scenario}: {check['id']}"
                        case = xml.SubElement(suite, "testcase", name=name)
                    if status in ("FAILURE", "WARNING"):
                        bad += 1
                        xml.SubElement(case, "failure").text = check.get("errorMessage", "")
                        print(f"{status} {name}: {check.get('errorMessage', '')}")
                    if status == "SKIPPED":
                        print(f"The suite skips {revision} {scenario}: {check['id']}")
                print(f"{revision}: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
        finally:
            code = gateway.stop()
    if code != 0:
        bad += 1
        print(f"waypost ended with code {code} on SIGTERM")
    xml.ElementTree(suites).write(junit)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] or REVISIONS))
