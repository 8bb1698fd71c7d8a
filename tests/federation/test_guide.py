"""The path of docs/federation.md, followed as it is written: an operator adds somebody's server, sees what waits, approves
it, gives one team one tool, and shows from the log who called what. Only addresses and programs are put in place of the
page's own."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import PYTHON, SERVERS, TIME
from federated import ERAS, PATIENCE, Federation
from processes import CHECKOUT, QUIET, WAYPOST, Program, free_ports, until

PAGE = (CHECKOUT / "docs/federation.md").read_text()
SUPPORT = "wp-support-0123456789abcdef0123456789abcdef"
SALES = "wp-sales-0123456789abcdef0123456789abcdef"


def blocks(kind: str) -> list[str]:
    """The page's examples of a kind, in order."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


FRAME, SERVER, TEAMS = blocks("yaml")[:3]
COMMANDS = [line[2:] for line in blocks("console")[0].splitlines() if line.startswith("$ ")]
EXPORT, SERVE, *OPERATOR = COMMANDS
# What the gateway has by itself, for those whom nobody denies it.
OWN = "llm__complete"
ADMIN_KEY = EXPORT.removeprefix("export WAYPOST_ADMIN_KEY=")


class Crm(Program):
    """Somebody's server."""

    def __init__(self, port: int, folder):
        self.seen = folder / "seen.jsonl"
        command = [PYTHON, SERVERS / "crm.py", str(port), self.seen]
        super().__init__("crm", command, folder, {}, "", 20.0)

    def _answers(self, _url: str) -> bool:
        return "running on" in self.tail().lower()


class Followed(Federation):
    """The gateway of the page."""

    admin_key = ADMIN_KEY

    def __init__(self, folder, crm: int):
        self.folder, self.crm = folder, crm
        self.ports = free_ports(2)
        self.url, self.admin = (f"http://127.0.0.1:{port}" for port in self.ports)
        self.writes(FRAME + SERVER)
        program, *arguments = shlex.split(SERVE.removesuffix("&"))
        assert program == "waypost"
        env = {"WAYPOST_ADMIN_KEY": ADMIN_KEY, "SUPPORT_KEY": SUPPORT, "SALES_KEY": SALES}
        Program.__init__(self, "waypost", [WAYPOST, *arguments], folder, env, f"{self.admin}/readyz", 20.0)

    def writes(self, config: str):
        """Writes the page's configuration, with addresses and a program that there are."""
        public, admin = self.ports
        changes = {
            "listen: 127.0.0.1:8080": f"listen: '127.0.0.1:{public}', admin_listen: '127.0.0.1:{admin}'",
            "https://crm.example.com/mcp": f"http://127.0.0.1:{self.crm}/mcp",
            "/usr/bin/python3, -m, mcp_server_files, /srv/shared": f"{TIME}, --local-timezone, UTC",
        }
        for written, there in changes.items():
            config = config.replace(written, there)
        assert "example.com" not in config
        # As editors do, so that no half of it is ever read.
        (self.folder / "new.yaml").write_text(config)
        os.replace(self.folder / "new.yaml", self.folder / "waypost.yaml")

    def says(self, command: str) -> str:
        """What a command of the operator's prints, who answers yes."""
        program, *arguments = shlex.split(command)
        assert program == "waypost"
        command = [WAYPOST, *arguments, "--url", self.admin]
        env = QUIET | {"WAYPOST_ADMIN_KEY": ADMIN_KEY}
        done = subprocess.run(command, env=env, input="y\n", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guide")
    (port,) = free_ports(1)
    crm = Crm(port, folder)
    gateway = Followed(folder, port)
    yield gateway, crm
    gateway.close()
    crm.stop()


def test_the_path_of_the_page(stage):
    gateway, crm = stage
    listing, approving = OPERATOR
    assert (listing, approving) == ("waypost servers", "waypost servers approve crm")

    # What is held, as the page shows it.
    lists = lambda: re.search(r"^files +1 of 1 .*[1-9]$", gateway.says(listing), re.MULTILINE)
    until("both servers are listed", lambda: lists() and gateway.held("crm"), PATIENCE)
    table = gateway.says(listing)
    assert re.search(r"^SERVER +READY +REVISION +OFFERED +WAITING$", table, re.MULTILINE), table
    assert re.search(r"^crm +1 of 1 +2026-07-28 +0 +2$", table, re.MULTILINE), table
    assert "To approve it: waypost servers approve NAME" in table
    shown = gateway.says("waypost servers show crm")
    assert "2 tools waiting" in shown and "update (new) blake3:" in shown and "Updates a customer." in shown

    # Nobody has keys yet, so everybody may call: what is approved, and nothing before.
    assert asyncio.run(gateway.names("anybody")) == [OWN]
    said = gateway.says(approving)
    assert "Approve 2 tools of crm? [y/N]" in said
    assert said.endswith("approved search\napproved update\n"), said
    until("it is approved", lambda: gateway.offered("crm") == {"search", "update"})
    approved = ["crm__search", "crm__update", OWN]
    until("it is offered", lambda: asyncio.run(gateway.names("anybody")) == approved)
    assert gateway.offered("files") == set()
    pins = json.loads((gateway.folder / "waypost.pins.json").read_text())
    assert "Updates a customer." in json.dumps(pins)

    # One team, one tool.
    gateway.writes(FRAME + TEAMS)
    until("only who has a key comes in", lambda: not comes_in(gateway, "anybody"))
    assert asyncio.run(gateway.names(SUPPORT)) == ["crm__search"]
    assert asyncio.run(gateway.names(SALES)) == ["crm__search", "crm__update"]
    for era in ERAS:
        calls = gateway.calls_of(lambda era=era: asyncio.run(searched(gateway, SUPPORT, era)), 2, caller="support")
        # The log says who called what, and who tried what they may not.
        said = [(call["tool"], call["kind"], call["outcome"], call["error_class"]) for call in calls]
        assert said == [("crm.search", "mcp", "done", None), ("crm__update", "unknown", "failed", "unknown_tool")]
        calls = gateway.calls_of(lambda era=era: asyncio.run(searched(gateway, SALES, era)), 1, caller="sales")
        assert [call["tool"] for call in calls] == ["crm.search"]
    assert not [line for line in gateway.tool_calls(tool="crm.update") if line["outcome"] == "done"]

    # And the server never saw whose keys they were.
    seen = crm.seen.read_text()
    assert "mcp-protocol-version" in seen
    for key in (SUPPORT, SALES, ADMIN_KEY):
        assert key not in seen


async def searched(gateway, key: str, era: str):
    async with gateway.client(key, era) as client:
        said = await client.call_tool("crm__search", {"query": "Ada"})
        assert said.content[0].text == "Nobody is called Ada."
        if key == SUPPORT:
            with pytest.raises(Exception, match="[Uu]nknown tool"):
                await client.call_tool("crm__update", {"name": "Ada"})


def comes_in(gateway, key: str) -> bool:
    """Whether this key opens the gateway."""
    request = urllib.request.Request(f"{gateway.url}/v1/models", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        assert error.code == 401
        return False
