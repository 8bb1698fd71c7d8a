"""Servers that do everything wrong, four at once, under very many calls; and a tool beside them that must not notice.

`CHAOS_CALLS` says how many calls; 10000 is the full proof, and takes a minute or two.
"""

import asyncio
import os
import time

import pytest

from conftest import ALICE, KEYS, PYTHON, SERVERS
from federated import ERAS, PATIENCE, Federation
from processes import WAYPOST, Program, free_ports, until
from storm import HARMLESS, Storm
from usage import descendants, usage

CALLS = int(os.environ.get("CHAOS_CALLS", "2000"))
AT_ONCE = 48

# A call's own time, and what it may take altogether before it counts as hanging.
TIMEOUT, HANGS = 2.0, 15.0

HEALTHY = """
access: open
providers: { nobody: { dialect: simulated, models: { chat: {} } } }
routes: { chat: { targets: [nobody/chat] } }
mcp: { builtin: false }
tools:
  echo:
    kind: fixture
    does: echo
    description: Says what it is told.
    input_schema: { type: object, required: [text], properties: { text: { type: string } } }
"""

CONFIG = """
access:
  keys:
    - {{ name: alice, key: env:WAYPOST_ALICE_KEY }}
providers:
  nobody: {{ dialect: simulated, models: {{ chat: {{}} }} }}
routes:
  chat: {{ targets: [nobody/chat] }}
mcp: {{ builtin: false }}
tools:
  well: {{ kind: mcp, command: [{waypost}, mcp, --config, {healthy}], approve: first_use }}
  # Left alone by no breaker, or there would be no chaos.
  a:
    kind: mcp
    url: "{url}"
    allow_private: [127.0.0.1]
    approve: first_use
    revision: "2025-11-25"
    max_message: 1048576
    timeout: {timeout}s
    breaker: {{ failure_rate: 1.0, min_calls: 1000000, consecutive: 1000000 }}
  b:
    kind: mcp
    url: "{url}"
    allow_private: [127.0.0.1]
    approve: first_use
    revision: "2026-07-28"
    max_message: 1048576
    timeout: {timeout}s
    breaker: {{ failure_rate: 1.0, min_calls: 1000000, consecutive: 1000000 }}
  c:
    kind: mcp
    command: [{python}, {chaos}, stdio]
    processes: 2
    approve: first_use
    revision: "2025-11-25"
    max_message: 1048576
    timeout: {timeout}s
    breaker: {{ failure_rate: 1.0, min_calls: 1000000, consecutive: 1000000 }}
  d:
    kind: mcp
    command: [{python}, {chaos}, stdio]
    processes: 2
    approve: first_use
    revision: "2026-07-28"
    max_message: 1048576
    timeout: {timeout}s
    breaker: {{ failure_rate: 1.0, min_calls: 1000000, consecutive: 1000000 }}
"""

CHAOTIC = ["a", "b", "c", "d"]


class Chaos(Program):
    def __init__(self, port: int, folder):
        super().__init__("chaos", [PYTHON, SERVERS / "chaos", "http", str(port)], folder, {}, "", 20.0)

    def _answers(self, _url: str) -> bool:
        return "listening" in self.tail()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chaos")
    (port,) = free_ports(1)
    chaos = Chaos(port, folder)
    (folder / "healthy.yaml").write_text(HEALTHY)
    config = CONFIG.format(
        waypost=WAYPOST, healthy=folder / "healthy.yaml", python=PYTHON, chaos=SERVERS / "chaos",
        url=f"http://127.0.0.1:{port}/mcp", timeout=int(TIMEOUT),
    )
    gateway = Federation(config, folder, KEYS)
    gateway.await_tools(ALICE, "well__echo", *(f"{server}__act" for server in CHAOTIC))
    yield gateway
    below = descendants(gateway.process.pid)
    gateway.close()
    chaos.stop()
    # Whatever they did: none of its servers outlives it.
    until("its servers ended with it", lambda: not [pid for pid in below if os.path.exists(f"/proc/{pid}")])


async def beside(gateway, over: asyncio.Event) -> list[float]:
    """Calls the healthy tool until it is over, in both generations; gives how long each call took."""
    took = []

    async def caller(era: str, who: int):
        async with gateway.client(ALICE, era) as client:
            n = 0
            while not over.is_set():
                n += 1
                began = time.monotonic()
                said = await asyncio.wait_for(client.call_tool("well__echo", {"text": f"{who} {n}"}), HANGS)
                assert said.structured_content["text"] == f"{who} {n}", said
                took.append(time.monotonic() - began)
                await asyncio.sleep(0.01)

    await asyncio.gather(*(caller(era, who) for who, era in enumerate(ERAS * 2)))
    return took


async def stormed(gateway, count: int, seed: int):
    storm = Storm(f"{gateway.url}/mcp", ALICE, CHAOTIC, AT_ONCE)
    over = asyncio.Event()
    healthy = asyncio.create_task(beside(gateway, over))
    try:
        came = await storm.run(count, seed)
    finally:
        over.set()
        await storm.close()
    return came, await healthy


def answers(gateway, server: str) -> bool:
    """Whether the server answers a plain call now."""

    async def run():
        storm = Storm(f"{gateway.url}/mcp", ALICE, [server], 1)
        try:
            return (await storm.call(server, "answer")).how == "good"
        finally:
            await storm.close()

    return asyncio.run(run())


def test_an_expired_session_is_renewed_unseen(gateway):
    async def run():
        storm = Storm(f"{gateway.url}/mcp", ALICE, ["a"], 1)
        acts = ["answer", "forget", "answer", "forget", "answer"]
        came = [(await storm.call("a", what)).how for what in acts]
        await storm.close()
        return came

    assert asyncio.run(run()) == ["good"] * 5


def test_very_many_calls_of_servers_that_misbehave(gateway):
    asyncio.run(stormed(gateway, 300, seed=1))  # Pools, tables and caches have grown before they are measured.
    for server in CHAOTIC:
        until(f"{server} is back", lambda server=server: answers(gateway, server), PATIENCE)
    before = usage(gateway.process.pid)

    began = time.monotonic()
    came, healthy = asyncio.run(stormed(gateway, CALLS, seed=2))
    took = time.monotonic() - began
    report(came, healthy, took)

    # Every call was answered, with its own answer or in words, and none hung.
    assert len(came) == CALLS
    assert not [each for each in came if each.how not in ("good", "failed")]
    assert not [each for each in came if each.seconds > HANGS]
    # Faults of some calls are those calls' own, as far as their connection lives. A process takes its calls with it.
    for server in CHAOTIC:
        harmless = [each for each in came if each.server == server and each.what in HARMLESS]
        good = sum(each.how == "good" for each in harmless) / len(harmless)
        assert good > (0.8 if server in "ab" else 0.1), f"{server}: {good:.0%} of the harmless calls were answered"

    # The healthy tool was called all the while, and answered each time before it counted as hanging (or `beside` had
    # failed).
    assert len(healthy) > took

    # What drifted is held, what did not is offered, and all are well again.
    for server in CHAOTIC:
        until(f"{server} is back", lambda server=server: answers(gateway, server), PATIENCE)
    for server in ["a", "b"]:
        held = until(f"{server} has drifted", lambda server=server: gateway.held(server), PATIENCE)
        assert {tool: each["change"]["kind"] for tool, each in held.items()} == {"shifting": "changed"}
        assert "act" in gateway.offered(server)

    # Nothing is left over.
    until("files are closed", lambda: usage(gateway.process.pid).files <= before.files + 32, PATIENCE)
    until("processes are reaped", lambda: usage(gateway.process.pid).descendants <= before.descendants, PATIENCE)
    after = usage(gateway.process.pid)
    print(f"before {before}\nafter  {after}")
    assert after.rss_mib < before.rss_mib + 96, (before, after)
    assert "panicked" not in gateway.log.read_text(errors="replace")


def report(came, healthy, took):
    """For who runs it with `-s`: how many calls of each kind were good."""
    print(f"\n{len(came)} calls in {took:.1f} s, {len(healthy)} healthy ones beside them")
    for server in CHAOTIC:
        counts = {}
        for each in came:
            if each.server == server:
                good, all = counts.get(each.what, (0, 0))
                counts[each.what] = (good + (each.how == "good"), all + 1)
        print(f"{server}: " + ", ".join(f"{what} {good}/{all}" for what, (good, all) in sorted(counts.items())))
