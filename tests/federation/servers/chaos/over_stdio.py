"""One message in each line, over standard input and output."""

import asyncio
import json
import os
import sys

import acts


class Line:
    """The one line of the process."""

    def __init__(self, writer: asyncio.StreamWriter):
        self.writer = writer

    async def send(self, message: dict):
        await self.raw(json.dumps(message).encode())

    async def raw(self, data: bytes):
        self.writer.write(data + b"\n")
        await self.writer.drain()

    def complain(self):
        """A mebibyte to standard error, without an end of line."""
        os.write(2, b"x" * (1 << 20))

    def forget(self):
        """There are no sessions to forget."""

    async def die(self, message: dict):
        """Ends in the middle of an answer."""
        os.write(1, json.dumps(message).encode()[:20])
        os._exit(1)


async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


async def serve():
    reader, writer = await connected()
    line, server, running = Line(writer), acts.Server(), {}

    async def tell(method: str):
        await line.send(acts.notification(method))

    while data := await reader.readline():
        message = json.loads(data)
        if message.get("method") == "notifications/initialized":
            server.listeners.add(tell)
        elif message.get("method") == "notifications/cancelled":
            if task := running.pop(message["params"].get("requestId"), None):
                task.cancel()
        elif "id" in message and "method" in message:
            task = asyncio.create_task(acts.answer(server, message, line))
            running[message["id"]] = task
            task.add_done_callback(lambda _, id=message["id"]: running.pop(id, None))
