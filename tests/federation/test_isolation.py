"""Two callers on one gateway and one server behind it, in each pairing of the generations: neither ever meets what is
the other's, be it a result, its progress, a question, a kept result, a list or a session."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest
from mcp.types import ElicitResult

from conftest import ALICE, BOB, KEYS
from diary import Diary
from federated import ERAS, Federation
from processes import free_ports

CONFIG = """
access:
  keys:
    - {{ name: alice, key: env:WAYPOST_ALICE_KEY }}
    - {{ name: bob, key: env:WAYPOST_BOB_KEY, tools: ["legacy.*", "modern.*", kept.number] }}
providers:
  nobody: {{ dialect: simulated, models: {{ chat: {{}} }} }}
routes:
  chat: {{ targets: [nobody/chat] }}
mcp: {{ builtin: false }}
tools:
  legacy: {{ kind: mcp, url: "{url}", allow_private: [127.0.0.1], approve: first_use, revision: "2025-11-25" }}
  modern: {{ kind: mcp, url: "{url}", allow_private: [127.0.0.1], approve: first_use, revision: "2026-07-28" }}
  private: {{ kind: mcp, url: "{url}", allow_private: [127.0.0.1], approve: first_use }}
  kept:
    kind: mcp
    url: "{url}"
    allow_private: [127.0.0.1]
    approve: first_use
    only: [number]
    annotations: {{ readOnlyHint: true }}
    cache: {{ ttl: 5m }}
"""

# How many calls each caller makes at once.
AT_ONCE = 40

CALLERS = {"alice": ALICE, "bob": BOB}

pairings = pytest.mark.parametrize("upstream", ["legacy", "modern"])
eras = pytest.mark.parametrize("era", ERAS)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("isolation")
    (port,) = free_ports(1)
    diary = Diary(port, folder)
    gateway = Federation(CONFIG.format(url=f"http://127.0.0.1:{port}/mcp"), folder, KEYS)
    gateway.await_tools(ALICE, "legacy__write", "modern__write", "private__write", "kept__number")
    yield gateway
    gateway.close()
    diary.stop()


def both(run):
    """Does the same as each caller, at once; gives what came of it by caller."""

    async def together():
        return await asyncio.gather(*(run(who, key) for who, key in CALLERS.items()))

    return dict(zip(CALLERS, asyncio.run(together()), strict=True))


@eras
@pairings
def test_results_and_progress_go_to_whom_they_are_for(gateway, upstream, era):
    async def run(who, key):
        heard = []

        async def progress(_progress, _total, message):
            heard.append(message)

        async with gateway.client(key, era) as client:
            words = [f"{who} {n}" for n in range(AT_ONCE)]
            tool = f"{upstream}__write"
            calls = [client.call_tool(tool, {"text": word}, progress_callback=progress) for word in words]
            said = [each.content[0].text for each in await asyncio.gather(*calls)]
            return words, said, heard

    for who, (words, said, heard) in both(run).items():
        assert said == words
        assert heard and not [message for message in heard if not message.startswith(who)]


@eras
@pairings
def test_questions_go_to_the_user_whose_call_asks(gateway, upstream, era):
    async def run(who, key):
        async def answer(_context, _params):
            return ElicitResult(action="accept", content={"name": who})

        async with gateway.client(key, era, elicitation_callback=answer) as client:
            calls = [client.call_tool(f"{upstream}__greet", {"word": f"Hello {n}"}) for n in range(10)]
            return [each.content[0].text for each in await asyncio.gather(*calls)]

    for who, said in both(run).items():
        assert said == [f"Hello {n} {who}" for n in range(10)]


@eras
def test_kept_results_are_kept_apart(gateway, era):
    async def run(_who, key):
        async with gateway.client(key, era) as client:
            return [(await client.call_tool("kept__number", {})).content[0].text for _ in range(3)]

    drawn = both(run)
    # Each has one number, which was kept; not the other's.
    assert [len(set(numbers)) for numbers in drawn.values()] == [1, 1]
    assert set(drawn["alice"]) != set(drawn["bob"])


@eras
def test_a_key_of_idempotency_is_its_callers(gateway, era):
    async def run(_who, key):
        async with gateway.client(key, era) as client:
            meta = {"dev.waypost/idempotencyKey": f"one-for-both-{era}"}
            return (await client.call_tool("modern__number", {}, meta=meta)).content[0].text

    drawn = both(run)
    assert drawn["alice"] != drawn["bob"]


@eras
def test_lists_are_the_callers_own(gateway, era):
    async def run(_who, key):
        async with gateway.client(key, era) as client:
            return {tool.name.split("__")[0] for tool in (await client.list_tools()).tools}

    listed = both(run)
    assert listed["alice"] == {"legacy", "modern", "private", "kept"}
    assert listed["bob"] == {"legacy", "modern", "kept"}


def post(url: str, key: str, message: dict, headers: dict) -> tuple[int, dict, str]:
    accepted = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    headers = accepted | {"authorization": f"Bearer {key}"} | headers
    request = urllib.request.Request(url, json.dumps({"jsonrpc": "2.0"} | message).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


def test_a_session_is_nobody_elses(gateway):
    url = f"{gateway.url}/mcp"
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}}
    status, headers, _ = post(url, ALICE, {"id": 1, "method": "initialize", "params": hello}, {})
    assert status == 200
    session = {"mcp-session-id": next(value for name, value in headers.items() if name.lower() == "mcp-session-id")}
    session["mcp-protocol-version"] = "2025-11-25"
    assert post(url, ALICE, {"method": "notifications/initialized"}, session)[0] == 202
    call = {"id": 2, "method": "tools/call", "params": {"name": "legacy__write", "arguments": {"text": "mine"}}}
    assert post(url, BOB, call, session)[0] == 404
    status, _, text = post(url, ALICE, call, session)
    assert status == 200 and "mine" in text
