"""The official Python SDK, in both generations, over HTTP and stdio."""

import asyncio

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from conftest import AGENT, READER

MODES = {"legacy": "legacy", "modern": "2026-07-28", "auto": "auto"}
modes = pytest.mark.parametrize("mode", MODES)


def over_http(url: str, key: str = AGENT):
    client = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"})
    return streamable_http_client(url, http_client=client)


async def journey(client):
    """Lists, calls, is told what was wrong, and hears of progress."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert {"echo", "slow"} <= set(names)

    said = await client.call_tool("echo", {"text": "hi"})
    assert not said.is_error
    assert said.structured_content == {"text": "hi", "who": "agent"}

    wrong = await client.call_tool("echo", {"nope": 1})
    assert wrong.is_error
    assert "text" in wrong.content[0].text and "nope" in wrong.content[0].text

    steps = []

    async def heard(progress, total, message):
        steps.append((progress, total))

    counted = await client.call_tool("slow", {"n": 3, "ms": 60}, progress_callback=heard)
    assert counted.content[0].text.startswith("counted 3")
    assert steps == [(1.0, 3.0), (2.0, 3.0), (3.0, 3.0)]


@modes
def test_over_http(url, mode):
    async def run():
        async with Client(over_http(url), mode=MODES[mode]) as client:
            await journey(client)

    asyncio.run(run())


@modes
def test_over_stdio(stdio, mode):
    command, env = stdio

    async def run():
        server = StdioServerParameters(command=command[0], args=command[1:], env=env)
        async with Client(server, mode=MODES[mode]) as client:
            await journey(client)

    asyncio.run(run())


@modes
def test_a_key_sees_and_calls_its_own_tools_only(url, mode):
    async def run():
        async with Client(over_http(url, READER), mode=MODES[mode]) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            assert (await client.call_tool("echo", {"text": "hi"})).structured_content["who"] == "reader"
            with pytest.raises(Exception, match="[Uu]nknown tool"):
                await client.call_tool("slow", {"n": 1, "ms": 1})

    asyncio.run(run())


@modes
def test_a_wrong_key_is_refused(url, mode):
    async def run():
        async with Client(over_http(url, "wp-nobody-0123456789abcdef"), mode=MODES[mode]) as client:
            await client.list_tools()

    with pytest.raises(BaseException) as refused:
        asyncio.run(run())
    assert "401" in "".join(str(each) for each in leaves(refused.value)) or refused.value


def leaves(error: BaseException):
    """The exceptions of a group, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error
