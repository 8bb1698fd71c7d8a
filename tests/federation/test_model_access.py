"""Tool servers that need a model: the official `openai` SDK inside a tool, with a key made for the call it serves.

Over stdio the SDK has nothing but the environment; over HTTP the call's ticket is exchanged for a key.
"""

import asyncio
import json
import urllib.error
import urllib.request

import pytest

from conftest import ALICE, BOB, KEYS, PYTHON, SERVERS
from federated import ERAS, Federation
from processes import Program, free_ports

CLIENT_KEY = "wp-thinker-0123456789abcdef0123456789abcdef"

CONFIG = """
access:
  keys:
    - {{ name: alice, key: env:WAYPOST_ALICE_KEY, tools: ["near.*", "far.*", "asking.*"], routes: [cheap] }}
    - {{ name: bob, key: env:WAYPOST_BOB_KEY, tools: ["near.*"], routes: [other] }}
providers:
  sim:
    dialect: simulated
    first_token: 5ms
    tokens_per_second: 4000
    models: {{ small: {{ price: {{ input: 1.0, output: 2.0 }} }} }}
routes:
  cheap: {{ targets: [sim/small] }}
  other: {{ targets: [sim/small] }}
mcp: {{ builtin: false }}
tools:
  near:
    kind: mcp
    command: [{python}, {thinker}, stdio, {notes}]
    cwd: {folder}
    approve: first_use
    processes: 2
    model: {{ route: cheap, max_completions: 4 }}
  far:
    kind: mcp
    url: http://127.0.0.1:{port}/mcp
    allow_private: [127.0.0.1]
    approve: first_use
    model: {{ route: cheap, max_completions: 4, client_key: env:THINKER_KEY }}
  asking:
    kind: mcp
    url: http://127.0.0.1:{port}/mcp
    allow_private: [127.0.0.1]
    approve: first_use
    revision: "2025-11-25"
    only: [sampled]
    model: {{ route: cheap, sampling: true }}
"""

servers = pytest.mark.parametrize("server", ["near", "far"])


class Thinker(Program):
    """The server over HTTP."""

    def __init__(self, port: int, notes, folder):
        command = [PYTHON, SERVERS / "thinker.py", "http", str(port), notes]
        super().__init__("thinker", command, folder, {"CLIENT_KEY": CLIENT_KEY}, "", 20.0)

    def _answers(self, _url: str) -> bool:
        return "running on" in self.tail().lower()


class Stage:
    def __init__(self, folder):
        (port,) = free_ports(1)
        self.notes = folder / "notes.jsonl"
        self.notes.touch()
        self.far = Thinker(port, self.notes, folder)
        thinker = SERVERS / "thinker.py"
        config = CONFIG.format(python=PYTHON, thinker=thinker, notes=self.notes, folder=folder, port=port)
        self.gateway = Federation(config, folder, KEYS | {"THINKER_KEY": CLIENT_KEY})
        self.gateway.await_tools(ALICE, "near__summarise", "far__summarise", "asking__sampled")

    def noted(self) -> dict:
        """What the server noted last."""
        return json.loads(self.notes.read_text().splitlines()[-1])

    def call(self, tool: str, arguments: dict, key: str = ALICE, era: str = "2026-07-28"):
        async def run():
            async with self.gateway.client(key, era) as client:
                return await client.call_tool(tool, arguments)

        return asyncio.run(run())

    def record_of(self, call) -> dict:
        """The record of the call that `call` makes."""
        (line,) = self.gateway.calls_of(call)
        return self.gateway.operator(f"/admin/requests/{line['request_id']}")

    def close(self):
        self.gateway.close()
        self.far.stop()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("models"))
    yield stage
    stage.close()


def post(url: str, key: str, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    request = urllib.request.Request(url, body, {"content-type": kind, "authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask(noted: dict, model: str = "cheap") -> tuple[int, str]:
    """A completion with a key a server had."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    return post(f"{noted['base_url']}/chat/completions", noted["key"], json.dumps(body).encode())


@servers
@pytest.mark.parametrize("era", ERAS)
def test_the_sdk_is_answered_and_its_completions_are_the_calls(stage, server, era):
    said = None

    def call():
        nonlocal said
        said = stage.call(f"{server}__summarise", {"text": "Ada counts.", "times": 2}, era=era)

    record = stage.record_of(call)
    assert not said.is_error and said.content[0].text, said
    called, completions = record["tool_call"], record["completions"]
    assert (called["tool"], called["caller"], called["outcome"]) == (f"{server}.summarise", "alice", "done")
    assert len(called["completions"]) == len(completions) == 2
    assert called["input_tokens"] > 0 and called["output_tokens"] > 0
    for completion in completions:
        # Whatever model the server names: the operator's route, the caller's account.
        assert (completion["route"], completion["target"], completion["caller"]) == ("cheap", "sim/small", "alice")
        assert completion["end"] == "delivered", completion
    assert called["cost"] == sum(completion["cost"] for completion in completions) > 0


@servers
def test_streams_are_answered_too(stage, server):
    record = stage.record_of(lambda: stage.call(f"{server}__stream", {"text": "Ada counts."}))
    (completion,) = record["completions"]
    assert completion["stream"] and completion["end"] == "delivered"


@pytest.mark.parametrize("era", ERAS)
def test_sampling_is_answered_by_the_router(stage, era):
    """No client here can be asked: the operator's route answers, on the caller's account."""
    said = None

    def call():
        nonlocal said
        said = stage.call("asking__sampled", {"text": "Ada counts."}, era=era)

    record = stage.record_of(call)
    assert not said.is_error and said.content[0].text, said
    (completion,) = record["completions"]
    assert (completion["route"], completion["caller"]) == ("cheap", "alice")
    assert record["tool_call"]["cost"] == completion["cost"] > 0


@servers
def test_a_key_is_worth_nothing_when_its_call_is_over(stage, server):
    stage.call(f"{server}__summarise", {"text": "Ada counts."})
    status, text = ask(stage.noted())
    assert status == 401, text
    assert "over" in text


@servers
def test_a_made_key_opens_nothing_else(stage, server):
    """Over by now or not: neither the operator's face nor tools were ever open to it."""
    stage.call(f"{server}__summarise", {"text": "Ada counts."})
    noted = stage.noted()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
    assert post(f"{stage.gateway.url}/mcp", noted["key"], body)[0] == 401


def test_a_ticket_is_good_once_and_only_for_its_server(stage):
    stage.call("far__summarise", {"text": "Ada counts."})
    form = (
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange"
        f"&subject_token={stage.noted()['ticket']}&subject_token_type=urn:waypost:token-type:ticket"
    ).encode()
    url, kind = f"{stage.gateway.url}/oauth/token", "application/x-www-form-urlencoded"
    for key, statuses in [(CLIENT_KEY, {400}), (ALICE, {400, 401}), ("wp-nobody-0123456789abcdef", {400, 401})]:
        status, text = post(url, key, form, kind)
        assert status in statuses, text
        assert json.loads(text)["error"].startswith("invalid_"), text


@servers
def test_the_budget_of_a_call_ends(stage, server):
    record = stage.record_of(lambda: stage.call(f"{server}__refused", {}))
    *answered, refused = record["completions"]
    assert len(answered) <= 4 and all(each["end"] == "delivered" for each in answered)
    # The refused one is in the record, too.
    assert (refused["end"], refused["attempts"]) == ("quota", [])
    said = stage.call(f"{server}__refused", {})
    assert said.content[0].text == "RateLimitError 429"


def test_a_key_is_no_wider_than_its_callers(stage):
    """Bob may use `other` alone: the server's route is not his, so there is no completion for him."""
    told = []
    record = stage.record_of(lambda: told.append(stage.call("near__refused", {}, key=BOB)))
    (said,) = told
    assert said.is_error or said.content[0].text.split()[-1] in {"403", "404"}, said
    assert [each["attempts"] for each in record["completions"]] == [[]], "what was refused is in the record"


def test_calls_at_once_are_attributed_to_whom_they_serve(stage):
    async def run():
        async with stage.gateway.client(ALICE, "2026-07-28") as client:
            calls = [client.call_tool("near__summarise", {"text": "x", "times": 1 + n % 3}) for n in range(9)]
            assert not [said for said in await asyncio.gather(*calls) if said.is_error]

    lines = stage.gateway.calls_of(lambda: asyncio.run(run()), count=9)
    records = [stage.gateway.operator(f"/admin/requests/{line['request_id']}") for line in lines]
    counts = sorted(len(record["completions"]) for record in records)
    assert counts == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_no_made_key_is_in_the_log(stage):
    keys = {json.loads(line)["key"] for line in stage.notes.read_text().splitlines()}
    text = stage.gateway.log.read_text(errors="replace")
    assert keys and not [key for key in keys if key in text]
