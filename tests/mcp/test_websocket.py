"""WebSocket, frame by frame: both generations on one path, progress, and calling a call off."""

import asyncio
import json

import pytest
import websockets

from conftest import AGENT

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "frames", "version": "0"},
}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "frames", "version": "0"}}


class Frames:
    def __init__(self, socket):
        self.socket = socket

    async def send(self, method, params, id=None):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        await self.socket.send(json.dumps(message if id is None else message | {"id": id}))

    async def next(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), 10))

    async def ask(self, method, params, id):
        """The answer of a request, and the notifications before it."""
        await self.send(method, params, id)
        heard = []
        while True:
            message = await self.next()
            if message.get("id") == id:
                return message, heard
            heard.append(message)


def connected(url, talk, **options):
    async def run():
        address = url.replace("http://", "ws://")
        headers = {"Authorization": f"Bearer {AGENT}"}
        options.setdefault("additional_headers", headers)
        async with websockets.connect(address, subprotocols=["mcp"], **options) as socket:
            assert socket.subprotocol == "mcp"
            await talk(Frames(socket))

    asyncio.run(run())


def test_the_stateless_generation(url):
    async def talk(frames):
        found, _ = await frames.ask("server/discover", {"_meta": META}, 1)
        assert "2026-07-28" in found["result"]["supportedVersions"]
        params = {"name": "slow", "arguments": {"n": 2, "ms": 60}, "_meta": META | {"progressToken": "t"}}
        counted, heard = await frames.ask("tools/call", params, 2)
        assert counted["result"]["content"][0]["text"].startswith("counted 2")
        assert [each["params"]["progress"] for each in heard] == [1, 2]

    connected(url, talk)


def test_the_generation_with_a_handshake_and_calling_off(url):
    async def talk(frames):
        await frames.ask("initialize", HELLO, 1)
        await frames.send("notifications/initialized", {})
        said, _ = await frames.ask("tools/call", {"name": "echo", "arguments": {"text": "hi"}}, 2)
        assert said["result"]["structuredContent"] == {"text": "hi", "who": "agent"}
        await frames.send("tools/call", {"name": "slow", "arguments": {"n": 100, "ms": 1000}}, 3)
        await frames.send("notifications/cancelled", {"requestId": 3, "reason": "enough"})
        # The cancelled call says nothing more, and the connection goes on.
        said, heard = await frames.ask("tools/call", {"name": "echo", "arguments": {"text": "on"}}, 4)
        assert said["result"]["structuredContent"]["text"] == "on"
        assert [each for each in heard if each.get("id") == 3] == []

    connected(url, talk)


@pytest.mark.parametrize("headers, status", [({}, 401), ({"Authorization": f"Bearer {AGENT}", "Origin": "https://evil.example"}, 403)])
def test_strangers_are_refused_at_the_upgrade(url, headers, status):
    async def talk(frames):
        pass

    with pytest.raises(websockets.InvalidStatus) as refused:
        connected(url, talk, additional_headers=headers)
    assert refused.value.response.status_code == status
