"""The programs of these suites: a demo with its traffic, a gateway that has what a demo has not, and a real Prometheus."""

import json
import math
import pathlib
import urllib.parse

from processes import CHECKOUT, WAYPOST, Program, free_ports, get

GRAFANA = CHECKOUT / "grafana"

SCRAPES = """\
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ['{rules}']
scrape_configs:
  - {{ job_name: waypost, static_configs: [ {{ targets: {targets} }} ] }}
"""


class Demo(Program):
    """`waypost demo`: five simulated providers and callers without end."""

    def __init__(self, folder: pathlib.Path):
        assert WAYPOST.exists(), f"{WAYPOST} is not there: run `cargo build` first"
        public, admin = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.admin = admin
        command = [WAYPOST, "demo", "--listen", public, "--admin-listen", admin]
        super().__init__("demo", command, folder, {}, f"http://{admin}/readyz", 20.0)


# A server and an issuer that are away: both are told of.
ABROAD = """\
server: {{ listen: '{public}', admin_listen: '{admin}' }}
providers: {{ s: {{ dialect: simulated, models: {{ m: {{}} }} }} }}
tools: {{ away: {{ kind: mcp, url: 'http://127.0.0.1:9/mcp' }} }}
access:
  oauth:
    resource: 'http://{public}/mcp'
    issuers: [ {{ issuer: 'http://127.0.0.1:9', allow_private: [127.0.0.1] }} ]
    scopes: {{ all: {{ tools: ['*'] }} }}
"""


class Neighbour(Program):
    """A gateway with another MCP server, and with tokens of an authorization server."""

    def __init__(self, folder: pathlib.Path):
        public, admin = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.admin = admin
        config = folder / "waypost.yaml"
        config.write_text(ABROAD.format(public=public, admin=admin))
        command = [WAYPOST, "serve", "--config", config]
        super().__init__("neighbour", command, folder, {}, f"http://{admin}/readyz", 20.0)


class Prometheus(Program):
    """A Prometheus that reads the `targets` every second and evaluates the alert rules."""

    def __init__(self, targets: list[str], folder: pathlib.Path):
        address = f"127.0.0.1:{free_ports(1)[0]}"
        self.api = f"http://{address}/api/v1"
        config = folder / "prometheus.yaml"
        config.write_text(SCRAPES.format(rules=GRAFANA / "alerts.yaml", targets=targets))
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ]
        super().__init__("prometheus", command, folder, {}, f"http://{address}/-/ready", 20.0)

    def ask(self, what: str, **parameters: str):
        """The data of one call of Prometheus' HTTP API; raises `OSError` if it refuses."""
        asked = urllib.parse.urlencode(parameters)
        return json.loads(get(f"{self.api}/{what}?{asked}"))["data"]

    def numbers(self, query: str) -> list[float]:
        """What an instant query gives now, without what is not a number."""
        samples = self.ask("query", query=query)["result"]
        values = (float(sample["value"][1]) for sample in samples)
        return [value for value in values if math.isfinite(value)]
