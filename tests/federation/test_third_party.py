"""Other people's servers, unmodified: one from PyPI, two from npm, over stdio and over Streamable HTTP.

All four are sessions of 2025-11-25 or know both generations; the callers are of both as well.
"""

import asyncio
import json
import urllib.error

import pytest

from conftest import ALICE, EVERYTHING, KEYS, MEMORY, NARROW, NODE, TIME
from federated import ERAS, PATIENCE, Federation
from processes import Program, free_ports, until

CONFIG = """
access:
  keys:
    - {{ name: alice, key: env:WAYPOST_ALICE_KEY, prompts: ["*"], resources: ["*"] }}
    - {{ name: narrow, key: env:WAYPOST_NARROW_KEY, tools: [everything.echo], prompts: [], resources: [] }}
providers:
  nobody: {{ dialect: simulated, models: {{ chat: {{}} }} }}
routes:
  chat: {{ targets: [nobody/chat] }}
mcp: {{ builtin: false }}
tools:
  time:
    kind: mcp
    command: [{time}, --local-timezone, UTC]
  everything:
    kind: mcp
    command: [{node}, {everything}, stdio]
    env: {{ GREETING: from the operator }}
  remote:
    kind: mcp
    url: http://127.0.0.1:{port}/mcp
    allow_private: [127.0.0.1]
  memory:
    kind: mcp
    command: [{node}, {memory}]
    env: {{ MEMORY_FILE_PATH: {graph} }}
    only: [read_graph, create_entities]
"""

SERVERS = ["time", "everything", "remote", "memory"]


class Everything(Program):
    """The reference server of everything, over Streamable HTTP."""

    def __init__(self, port: int, folder):
        command = [NODE, EVERYTHING, "streamableHttp"]
        super().__init__("everything", command, folder, {"PORT": str(port)}, "", 20.0)

    def _answers(self, _url: str) -> bool:
        return "listening" in self.tail()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("third-party")
    (port,) = free_ports(1)
    remote = Everything(port, folder)
    config = CONFIG.format(
        time=TIME, node=NODE, everything=EVERYTHING, memory=MEMORY, port=port, graph=folder / "graph.jsonl"
    )
    gateway = Federation(config, folder, KEYS)
    yield gateway
    gateway.close()
    remote.stop()


@pytest.fixture(scope="module")
def at_first(gateway):
    """What there was before anything was approved: held and offered by server, and what a caller was offered."""
    held = {server: until(f"{server} is listed", lambda: gateway.held(server), PATIENCE) for server in SERVERS}
    offered = {server: gateway.offered(server) for server in SERVERS}
    return held, offered, asyncio.run(gateway.names(ALICE))


@pytest.fixture(scope="module")
def approved(gateway, at_first):
    for server in SERVERS:
        gateway.approve(server)
    gateway.await_tools(ALICE, "time__convert_time", "everything__echo", "remote__echo", "memory__read_graph")
    return gateway


def test_nothing_is_offered_before_it_was_approved(at_first):
    held, offered, names = at_first
    for server in SERVERS:
        assert {each["change"]["kind"] for each in held[server].values()} == {"new"}, server
        assert offered[server] == set(), server
    assert set(held["memory"]) == {"read_graph", "create_entities", "resource memory://knowledge-graph"}
    assert names == []


@pytest.mark.parametrize("era", ERAS)
def test_the_official_client_calls_all_of_them(approved, era):
    async def run():
        async with approved.client(ALICE, era) as client:
            at = {"source_timezone": "UTC", "target_timezone": "Asia/Tokyo", "time": "12:00"}
            converted = await client.call_tool("time__convert_time", at)
            assert "21:00" in converted.content[0].text, converted

            for server in ["everything", "remote"]:
                said = await client.call_tool(f"{server}__echo", {"message": era})
                assert said.content[0].text == f"Echo: {era}", server
                summed = await client.call_tool(f"{server}__get-sum", {"a": 2, "b": 40})
                assert "42" in summed.content[0].text, server
                weather = await client.call_tool(f"{server}__get-structured-content", {"location": "Chicago"})
                assert weather.structured_content["conditions"], server
                image = await client.call_tool(f"{server}__get-tiny-image", {})
                assert "image" in {content.type for content in image.content}, server

            entity = {"name": f"Ada {era}", "entityType": "person", "observations": ["counts"]}
            assert not (await client.call_tool("memory__create_entities", {"entities": [entity]})).is_error
            assert f"Ada {era}" in (await client.call_tool("memory__read_graph", {})).content[0].text

    asyncio.run(run())


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("server", ["everything", "remote"])
def test_progress_comes_through(approved, era, server):
    steps = []

    async def heard(progress, total, message):
        steps.append((progress, total))

    async def run():
        async with approved.client(ALICE, era) as client:
            tool = f"{server}__trigger-long-running-operation"
            await client.call_tool(tool, {"duration": 0.6, "steps": 3}, progress_callback=heard)

    asyncio.run(run())
    assert steps == [(1.0, 3.0), (2.0, 3.0), (3.0, 3.0)]


@pytest.mark.parametrize("era", ERAS)
def test_prompts_and_resources_come_too(approved, era):
    async def run():
        async with approved.client(ALICE, era) as client:
            prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
            (simple,) = [name for name in prompts if name.startswith("everything") and name.endswith("simple-prompt")]
            assert (await client.get_prompt(simple)).messages
            resources = [resource.uri for resource in (await client.list_resources()).resources]
            readable = next(str(uri) for uri in resources if str(uri).endswith("features.md"))
            assert (await client.read_resource(readable)).contents[0].text

    asyncio.run(run())


@pytest.mark.parametrize("script", [["ts1.mjs"], ["ts2.mjs", "legacy"], ["ts2.mjs", "modern"]])
def test_the_typescript_clients_call_them(approved, node, script):
    url = f"{approved.url}/mcp"
    for server in ["everything", "remote"]:
        said = node(*script, url, ALICE, f"{server}__echo", json.dumps({"message": "from Node"}))
        assert said == "Echo: from Node"


@pytest.mark.parametrize("era", ERAS)
def test_a_key_for_one_tool_sees_and_calls_that_one(approved, era):
    async def run():
        async with approved.client(NARROW, era) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["everything__echo"]
            assert "narrow" in (await client.call_tool("everything__echo", {"message": "narrow"})).content[0].text
            for other in ["everything__get-env", "time__get_current_time", "remote__echo"]:
                with pytest.raises(Exception, match="[Uu]nknown tool"):
                    await client.call_tool(other, {})
            with pytest.raises(Exception):
                await client.read_resource("demo://resource/static/document/features.md")

    asyncio.run(run())


def test_the_log_says_who_called_what(approved):
    async def run():
        async with approved.client(NARROW, "2026-07-28") as client:
            await client.call_tool("everything__echo", {"message": "for the log"})

    calls = approved.calls_of(lambda: asyncio.run(run()), caller="narrow", tool="everything.echo")
    assert [(call["kind"], call["outcome"]) for call in calls] == [("mcp", "done")]
    record = approved.operator(f"/admin/requests/{calls[0]['request_id']}")["tool_call"]
    assert (record["caller"], record["tool"], record["kind"]) == ("narrow", "everything.echo", "mcp")


def test_no_request_can_name_a_server_or_a_program(approved):
    """Not even the operator's: servers are in the configuration, which is a file."""
    wanted = {"name": "mine", "command": ["/usr/bin/touch", "/tmp/mine"], "url": "http://127.0.0.1:1/mcp"}
    for path in ["/admin/servers", "/admin/servers/mine", "/admin/servers/mine/approve"]:
        with pytest.raises(urllib.error.HTTPError) as refused:
            approved.operator(path, wanted)
        assert refused.value.code in (400, 404, 405), path
    assert {server["name"] for server in approved.operator("/admin/servers")} == set(SERVERS)


def test_a_program_gets_the_environment_that_is_written_and_nothing_else(approved):
    async def run():
        async with approved.client(ALICE, "2026-07-28") as client:
            return json.loads((await client.call_tool("everything__get-env", {})).content[0].text)

    environment = asyncio.run(run())
    assert environment["GREETING"] == "from the operator"
    assert set(environment) <= {"GREETING", "PATH", "PWD", "SHLVL", "_"}, set(environment)
    assert not set(KEYS.values()) & set(environment.values())
