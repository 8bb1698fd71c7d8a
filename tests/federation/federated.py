"""A Waypost that federates, and its operator's hands: what is held, approving it, what the log says of calls."""

import asyncio
import json
import pathlib
import ssl
import time
import urllib.request
from datetime import datetime

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from processes import Gateway, until

# The two generations of the protocol, by the official client's names for them.
ERAS = ["legacy", "2026-07-28"]

# How long a server may take to be started, greeted and listed on a busy machine.
PATIENCE = 40.0


# Approvals want a key, on loopback too.
ADMIN_KEY = "wp-operator-0123456789abcdef0123456789abcdef"


def lines(log: pathlib.Path, **wanted: str) -> list[dict]:
    """The lines of a log that say this."""
    said = []
    for line in log.read_text(errors="replace").splitlines():
        try:
            said.append(json.loads(line))
        except ValueError:
            continue
    said = [each for each in said if isinstance(each, dict)]
    return [each for each in said if all(each.get(name) == value for name, value in wanted.items())]


class Federation(Gateway):
    """A gateway with servers of other people behind it."""

    # What its clients believe it is by, where that is not what they believe by themselves.
    trust: ssl.SSLContext | None = None
    # Its operator's.
    admin_key = ADMIN_KEY

    def __init__(self, config: str, folder: pathlib.Path, env: dict, server: str = "", **more):
        env = env | {"WAYPOST_ADMIN_KEY": ADMIN_KEY}
        server = f"admin_key: env:WAYPOST_ADMIN_KEY, {server}"
        super().__init__(config, folder, env=env, server=server, **more)

    def operator(self, path: str, body: dict | None = None):
        """What the admin listener answers; with a body it is a POST."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.admin_key}"}
        request = urllib.request.Request(f"{self.admin}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def held(self, server: str) -> dict[str, dict]:
        """What waits for approval, by the server's names for its tools."""
        return {held["tool"]: held for held in self.operator(f"/admin/servers/{server}")["held"]}

    def offered(self, server: str) -> set[str]:
        """The server's names of its tools that are offered."""
        return set(self.operator(f"/admin/servers/{server}")["offered"])

    def approve(self, server: str):
        """Approves what is held and has been seen, all of it, and waits until it is offered."""
        held = until(f"{server} is listed", lambda: self.held(server), PATIENCE)
        seen = [each["digest"] for each in held.values()]
        self.operator(f"/admin/servers/{server}/approve", {"all": True, "digests": seen})
        until(f"{server} is offered", lambda: set(held) <= self.offered(server), PATIENCE)

    def await_tools(self, key: str, *wanted: str):
        """Waits until a caller is offered these tools, by their wire names."""
        until(f"{wanted} are offered", lambda: set(wanted) <= set(asyncio.run(self.names(key))), PATIENCE)

    async def names(self, key: str, era: str = "2026-07-28") -> list[str]:
        async with self.client(key, era) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    def client(self, key: str, era: str, **options) -> Client:
        """The official client, as the holder of this key."""
        headers = {"Authorization": f"Bearer {key}"}
        http = httpx2.AsyncClient(headers=headers, timeout=60, verify=self.trust or True)
        return Client(streamable_http_client(f"{self.url}/mcp", http_client=http), mode=era, **options)

    def tool_calls(self, **wanted: str) -> list[dict]:
        """The log's lines of calls of tools that say this."""
        return lines(self.log, message="tool_call", **wanted)

    def calls_of(self, work, count: int = 1, **wanted: str) -> list[dict]:
        """The log's lines of the calls that `work` makes, once there are `count` of them.

        They are told from earlier ones, whose lines may come late, by when they began.
        """
        since = time.time()
        work()

        def made_since():
            made = [line for line in self.tool_calls(**wanted) if datetime.fromisoformat(line["at"]).timestamp() >= since]
            return made if len(made) >= count else None

        return until("the calls are in the log", made_since)
