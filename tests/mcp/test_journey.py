"""What an agent does in its first minutes: looks around, queries a database, watches a program, asks a model; and what
its operator reads of it afterwards."""

import asyncio
import json
import subprocess

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from conftest import AGENT, HERE, KEYS
from database import Database
from processes import WAYPOST, Gateway, get, until


@pytest.fixture(scope="module")
def database():
    database = Database()
    yield database
    database.close()


@pytest.fixture(scope="module")
def gateway(database, tmp_path_factory):
    config = (HERE / "journey.yaml").read_text()
    env = KEYS | {"ORDERS_DB_URL": database.url}
    program = Gateway(config, tmp_path_factory.mktemp("journey"), env=env)
    yield program
    program.close()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_from_the_first_list_to_the_reason(gateway, mode):
    async def run():
        http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {AGENT}"})
        async with Client(streamable_http_client(f"{gateway.url}/mcp", http_client=http), mode=mode) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"orders__query", "numbers__count", "text__summarise", "llm__complete"}

            sums = "SELECT c.name, sum(o.amount) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY 1 ORDER BY 1"
            queried = await client.call_tool("orders__query", {"sql": sums})
            assert queried.structured_content["rows"] == [["Ada", "30.50"], ["Grace", "5.25"]]

            for hostile in ["DELETE FROM orders", "SELECT * FROM secrets", "SELECT 1; DROP TABLE orders"]:
                refused = await client.call_tool("orders__query", {"sql": hostile})
                assert refused.is_error and "CANARY" not in refused.content[0].text, hostile

            lines = []

            async def heard(progress, total, message):
                lines.append(message)

            counted = await client.call_tool("numbers__count", {"n": 3}, progress_callback=heard)
            assert counted.structured_content == {"lines": ["1", "2", "3"]}
            assert lines == ["1", "2", "3"]

            said = await client.call_tool("text__summarise", {"text": "Ada ordered twice, Grace once."})
            assert not said.is_error
            return said.meta["dev.waypost/route"]

    way = asyncio.run(run())
    assert way["target"] == "cheap/chat"
    # The record is closed a moment after the answer has gone out.
    record = until("the record is closed", lambda: closed(gateway, way["request"]))
    first = record["candidates"][0]
    assert (first["target"], first["reason"]) == ("cheap/chat", "cheapest")
    assert record["tool"] == "text.summarise"


def closed(gateway, request_id):
    try:
        return json.loads(get(f"{gateway.admin}/admin/requests/{request_id}"))
    except OSError:
        return None


def test_explain_tells_the_same_before_the_call(gateway, tmp_path):
    call = {"method": "tools/call", "params": {"name": "text__summarise", "arguments": {"text": "hi"}}}
    (tmp_path / "call.json").write_text(json.dumps(call))
    command = [WAYPOST, "explain", "--json", "--url", gateway.admin, "--request", tmp_path / "call.json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert told["candidates"][0]["target"] == "cheap/chat"
