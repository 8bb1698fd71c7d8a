"""What the server answers, and how it misbehaves. How a message travels is the carriers' matter.

Written by hand and not with an SDK, which would not let it send what is wrong.
"""

import asyncio

STATELESS = "2026-07-28"
META = "io.modelcontextprotocol/"
ABOUT = {"name": "chaos", "version": "0"}

# Larger than the suite's gateway takes.
GIANT = 3 * 1024 * 1024

# Messages before an answer that floods.
FLOOD = 2_000

SCHEMA = {
    "type": "object",
    "required": ["what", "id"],
    "properties": {"what": {"type": "string"}, "id": {"type": "string"}},
}


class Server:
    """What all connections share."""

    def __init__(self):
        self.version = 0
        # Those who want to hear of changes: functions that send.
        self.listeners = set()

    def tools(self) -> list[dict]:
        said = {"name": "act", "description": "Does what it is told, and gives the id back.", "inputSchema": SCHEMA}
        shifting = f"Is described anew time and again: {self.version}."
        return [said, {"name": "shifting", "description": shifting, "inputSchema": {"type": "object"}}]

    async def drift(self):
        """Describes a tool anew, and tells everyone."""
        self.version += 1
        for tell in list(self.listeners):
            await tell("notifications/tools/list_changed")


def is_stateless(message: dict) -> bool:
    return f"{META}protocolVersion" in message.get("params", {}).get("_meta", {})


def done(message: dict, result: dict) -> dict:
    """An answer, as its generation has it."""
    if is_stateless(message):
        result = {"resultType": "complete", "_meta": {f"{META}serverInfo": ABOUT}} | result
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def error(message: dict, code: int, text: str) -> dict:
    return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": text}}


def notification(method: str, params: dict | None = None) -> dict:
    return {"jsonrpc": "2.0", "method": method, "params": params or {}}


async def answer(server: Server, message: dict, line) -> None:
    """Answers a request on its line, or does not."""
    method, params = message["method"], message.get("params", {})
    fresh = {"ttlMs": 0, "cacheScope": "private"} if is_stateless(message) else {}
    able = {"tools": {"listChanged": True}, "logging": {}}
    match method:
        case "initialize":
            hello = {"protocolVersion": "2025-11-25", "capabilities": able, "serverInfo": ABOUT}
            await line.send(done(message, hello))
        case "server/discover":
            await line.send(done(message, {"supportedVersions": [STATELESS], "capabilities": able} | fresh))
        case "ping" | "logging/setLevel":
            await line.send(done(message, {}))
        case "tools/list":
            await line.send(done(message, {"tools": server.tools()} | fresh))
        case "subscriptions/listen":
            await listen(server, message, line)
        case "tools/call":
            await act(server, message, line, **params.get("arguments", {}))
        case _:
            await line.send(error(message, -32601, f"There is no {method}"))


async def listen(server: Server, message: dict, line):
    """Keeps a subscription until its line ends."""
    tag = {"_meta": {f"{META}subscriptionId": message["id"]}}
    acknowledged = tag | {"notifications": message["params"].get("notifications", {})}
    await line.send(notification("notifications/subscriptions/acknowledged", acknowledged))

    async def tell(method: str):
        await line.send(notification(method, tag))

    server.listeners.add(tell)
    try:
        await asyncio.Event().wait()
    finally:
        server.listeners.discard(tell)


async def act(server: Server, message: dict, line, what: str = "answer", id: str = ""):
    """One call of the tool, answered in the way that is asked for."""
    said = {"content": [{"type": "text", "text": id}], "isError": False}
    token = message["params"].get("_meta", {}).get("progressToken")
    match what:
        case "hang":
            return await asyncio.Event().wait()
        case "slow":
            await asyncio.sleep(0.05)
        case "fault":
            return await line.send(error(message, -32603, "Nothing works today"))
        case "giant":
            said["content"][0]["text"] = "x" * GIANT
        case "garbage":
            return await line.raw(b'{"jsonrpc": "2.0", "id": \xff\xfe nonsense')
        case "stranger":
            await line.send(done(message | {"id": "nobody's"}, said))
        case "twice":
            await line.send(done(message, said))
        case "flood":
            for step in range(FLOOD):
                if token is not None and step % 2:
                    progress = {"progressToken": token, "progress": step, "message": "x" * 200}
                    await line.send(notification("notifications/progress", progress))
                else:
                    log = {"level": "warning", "data": "x" * 200}
                    await line.send(notification("notifications/message", log))
        case "drift":
            await server.drift()
        case "complain":
            line.complain()
        case "forget":
            line.forget()
        case "die":
            return await line.die(done(message, said))
    await line.send(done(message, said))
