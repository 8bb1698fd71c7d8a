"""FastMCP's client, in both generations."""

import asyncio

import pytest
from fastmcp import Client

from conftest import AGENT


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28", "auto"])
def test_lists_calls_and_hears_of_progress(url, mode):
    steps = []

    async def heard(progress, total, message):
        steps.append(progress)

    async def run():
        async with Client(url, mode=mode, auth=AGENT) as client:
            names = [tool.name for tool in await client.list_tools()]
            assert {"echo", "slow"} <= set(names)
            said = await client.call_tool("echo", {"text": "hi"})
            assert said.structured_content == {"text": "hi", "who": "agent"}
            counted = await client.call_tool("slow", {"n": 3, "ms": 60}, progress_handler=heard)
            assert counted.content[0].text.startswith("counted 3")

    asyncio.run(run())
    assert steps == [1.0, 2.0, 3.0]
