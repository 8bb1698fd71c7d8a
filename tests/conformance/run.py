"""Runs the official conformance suite against the built program with `config/conformance.yaml`, both revisions; then
against a second gateway that has all of it from the first, as from any other server.

Every check counts, of the scenarios that are scored and of those that are not: one that failed or warned fails the
run. What the suite itself skips is named. The first argument is where to write the results as JUnit; others name ways
(`direct`, `federated`), both when there are none.
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

from processes import QUIET, WAYPOST, Program, free_ports, get, until  # noqa: E402

REVISIONS = ["2025-11-25", "2026-07-28"]
WAYS = ["direct", "federated"]
NODE = HERE / "node_modules/node/bin/node"
SUITE = HERE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"

# What the suite has in each revision: fewer means that it gave up half-way.
SCENARIOS = {"2025-11-25": 33, "2026-07-28": 50}


class Gateway(Program):
    """A Waypost with the suite's configuration, on free ports. The suite sends its own address as `Origin`."""

    name = "direct"

    def __init__(self, folder: pathlib.Path):
        public, self.admin_port = free_ports(2)
        self.url = f"http://127.0.0.1:{public}"
        written = folder / f"{self.name}.yaml"
        written.write_text(self.config())
        command = [WAYPOST, "serve", "--config", written]
        super().__init__(self.name, command, folder, {}, f"{self.url}/readyz", 20.0)

    def config(self) -> str:
        text = (CHECKOUT / "config/conformance.yaml").read_text()
        return text.replace("http://127.0.0.1:8080", self.url).replace(
            "127.0.0.1:8080", self.url.removeprefix("http://")
        ).replace("127.0.0.1:9090", f"127.0.0.1:{self.admin_port}")


class Front(Gateway):
    """A Waypost that has everything from another."""

    name = "federated"

    def __init__(self, folder: pathlib.Path, behind: Gateway):
        self.behind = behind
        super().__init__(folder)
        try:
            until("everything behind it is offered", self.is_complete, 30)
        except BaseException:
            print(f"--- {self.name} wrote:\n{self.tail()}")
            self.stop()
            raise

    def config(self) -> str:
        listen = f"listen: '{self.url.removeprefix('http://')}', admin_listen: '127.0.0.1:{self.admin_port}'"
        text = (HERE / "front.yaml").read_text().replace("{url}", self.url).replace("{behind}", self.behind.url)
        return f"server: {{ {listen}, drain: 2s }}\n{text}"

    def is_complete(self) -> bool:
        """Whether each part is offered and nothing of it waits."""
        servers = ["jobs_behind", "must_be_jobs_behind", "rest_behind"]
        found = [json.loads(get(f"http://127.0.0.1:{self.admin_port}/admin/servers/{server}")) for server in servers]
        return all(server["offered"] and not server["held"] for server in found)


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


def judge(gateway: Gateway, folder: pathlib.Path, suites: xml.Element) -> int:
    """Runs both requirement sets against one gateway, and writes down each check; gives how many are bad."""
    bad = 0
    for revision in REVISIONS:
        suite = xml.SubElement(suites, "testsuite", name=f"conformance {gateway.name} {revision}")
        counts: dict[str, int] = {}
        for scenario, check in checks(revision, gateway.url, folder / f"{gateway.name}-{revision}"):
            status = check["status"]
            counts[status] = counts.get(status, 0) + 1
            name = f"{gateway.name} {revision} {scenario}: {check['id']}"
            if status in ("SUCCESS", "FAILURE", "WARNING"):
                case = xml.SubElement(suite, "testcase", name=name)
            if status in ("FAILURE", "WARNING"):
                bad += 1
                xml.SubElement(case, "failure").text = check.get("errorMessage", "")
                print(f"{status} {name}: {check.get('errorMessage', '')}")
            if status == "SKIPPED":
                print(f"The suite skips {name}")
        print(f"{gateway.name} {revision}: " + ", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
    return bad


def main(junit: str, ways: list[str]) -> int:
    suites = xml.Element("testsuites")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        gateways = [Gateway(folder)]
        try:
            if "direct" in ways:
                bad += judge(gateways[0], folder, suites)
            if "federated" in ways:
                gateways.append(Front(folder, gateways[0]))
                bad += judge(gateways[1], folder, suites)
        finally:
            codes = {gateway.name: gateway.stop() for gateway in reversed(gateways)}
    for name, code in codes.items():
        if code != 0:
            bad += 1
            print(f"The {name} gateway ended with code {code} on SIGTERM")
    xml.ElementTree(suites).write(junit)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] or WAYS))
