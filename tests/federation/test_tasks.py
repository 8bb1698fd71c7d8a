"""Tasks of a server with two replicas, each of which knows its own alone: every task is asked for where it began."""

import asyncio
import json

import httpx2
import pytest

from conftest import ALICE, KEYS, PYTHON, SERVERS
from federated import Federation
from processes import Program, free_ports, get, until

META = "io.modelcontextprotocol/"
TASKS = f"{META}tasks"

CONFIG = """
access:
  keys: [{{ name: alice, key: env:WAYPOST_ALICE_KEY }}]
providers:
  nobody: {{ dialect: simulated, models: {{ chat: {{}} }} }}
routes:
  chat: {{ targets: [nobody/chat] }}
mcp: {{ builtin: false, tasks: {{ per_key: 200, poll: 50ms }} }}
tools:
  pair:
    kind: mcp
    urls: [{urls}]
    allow_private: [127.0.0.1]
    approve: first_use
    task: optional
"""

# Callers that hear of a task and poll it, and callers that know no tasks and wait.
POLLING, WAITING = 60, 20


class Worker(Program):
    def __init__(self, port: int, folder):
        self.at = f"http://127.0.0.1:{port}"
        command = [PYTHON, SERVERS / "worker.py", str(port)]
        super().__init__(f"worker-{port}", command, folder, {}, f"{self.at}/seen", 20.0)

    def seen(self) -> dict:
        return json.loads(get(f"{self.at}/seen"))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    workers = [Worker(port, folder) for port in free_ports(2)]
    gateway = Federation(CONFIG.format(urls=", ".join(f'"{each.at}/mcp"' for each in workers)), folder, KEYS)
    gateway.await_tools(ALICE, "pair__work")
    ready = lambda: all(each["state"] == "ready" for each in gateway.operator("/admin/servers/pair")["replicas"])
    until("both replicas are ready", ready)
    yield gateway, workers
    gateway.close()
    for each in workers:
        each.stop()


class Caller:
    """Requests of 2026-07-28 by hand: the official client has no tasks."""

    def __init__(self, url: str, able: dict):
        self.url, self.able = url, able
        headers = {"authorization": f"Bearer {ALICE}", "accept": "application/json, text/event-stream"}
        limits = httpx2.Limits(max_connections=200)
        self.http = httpx2.AsyncClient(headers=headers, limits=limits, timeout=60)

    async def ask(self, method: str, name: str, params: dict) -> dict:
        meta = {f"{META}protocolVersion": "2026-07-28", f"{META}clientCapabilities": self.able}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}
        headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method, "mcp-name": name}
        answer = await self.http.post(self.url, json=body, headers=headers)
        text = answer.text
        if "event-stream" in answer.headers.get("content-type", ""):
            text = [line[5:] for line in text.splitlines() if line.startswith("data:") and '"id"' in line][-1]
        said = json.loads(text)
        assert "result" in said, said
        return said["result"]

    async def call(self, text: str) -> dict:
        return await self.ask("tools/call", "pair__work", {"name": "pair__work", "arguments": {"text": text}})

    async def ended(self, task: dict) -> dict:
        """Polls a task to its end, as often as it suggests."""
        while task["status"] == "working":
            await asyncio.sleep(task["pollIntervalMs"] / 1000)
            task = await self.ask("tasks/get", task["taskId"], {"taskId": task["taskId"]})
        return task


def test_each_task_ends_where_it_began(stage):
    gateway, workers = stage

    async def polling(n: int) -> str:
        begun = await knows.call(f"polled {n}")
        assert begun["resultType"] == "task", begun
        ended = await knows.ended(begun)
        assert ended["status"] == "completed", ended
        return ended["result"]["content"][0]["text"]

    async def waiting(n: int) -> str:
        said = await knows_not.call(f"waited {n}")
        assert said["resultType"] == "complete" and not said["isError"], said
        return said["content"][0]["text"]

    async def run():
        calls = [polling(n) for n in range(POLLING)] + [waiting(n) for n in range(WAITING)]
        return await asyncio.gather(*calls)

    knows = Caller(f"{gateway.url}/mcp", {"extensions": {TASKS: {}}})
    knows_not = Caller(f"{gateway.url}/mcp", {})
    said = [each.split(" ", 1) for each in asyncio.run(run())]

    # None is lost, and none is another's.
    wanted = [f"polled {n}" for n in range(POLLING)] + [f"waited {n}" for n in range(WAITING)]
    assert [text for _, text in said] == wanted
    # Each came from the replica that began it, and both began some.
    for worker in workers:
        seen = worker.seen()
        port = worker.at.rsplit(":", 1)[1]
        assert seen["begun"] == sum(each == port for each, _ in said) > 0
        assert (seen["strangers"], seen["unasked"]) == (0, 0), seen
