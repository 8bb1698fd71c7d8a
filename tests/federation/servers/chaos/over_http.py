"""Streamable HTTP, by hand: each answer is an event stream, so that anything can be sent before or instead of it."""

import asyncio
import contextlib
import json
import uuid

import acts


class Gone(Exception):
    """The connection was ended on purpose."""


class Http:
    """The server's sessions and connections."""

    def __init__(self):
        self.server = acts.Server()
        self.sessions: set[str] = set()
        self.writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                verb, headers = parsed(head)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self.request(verb, headers, body, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, Gone):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def request(self, verb: str, headers: dict, body: bytes, reader, writer):
        session = headers.get("mcp-session-id")
        stateless = headers.get("mcp-protocol-version", "") >= acts.STATELESS
        message = json.loads(body) if body else {}
        opens = message.get("method") in ("initialize", "server/discover")
        if not (stateless or opens or session in self.sessions):
            return await plain(writer, "404 Not Found")
        if verb == "GET":
            return await self.watched(self.hear(Line(self, writer, session)), reader)
        if verb == "DELETE":
            self.sessions.discard(session)
            return await plain(writer, "204 No Content")
        if "id" not in message or "method" not in message:
            return await plain(writer, "202 Accepted")
        if message["method"] == "initialize":
            session = uuid.uuid4().hex
            self.sessions.add(session)
        line = Line(self, writer, session)
        await self.watched(acts.answer(self.server, message, line), reader)
        await line.end()

    async def watched(self, work, reader: asyncio.StreamReader):
        """Works until it is done or its client has left."""
        task = asyncio.create_task(work)
        left = asyncio.create_task(reader.read(1))
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            raise Gone
        # Clients that send their next request before the answer's end are none of this suite's.
        left.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await left
        task.result()

    async def hear(self, line: "Line"):
        """The stream of a session that tells of changes."""
        await line.begin()

        async def tell(method: str):
            await line.send(acts.notification(method))

        self.server.listeners.add(tell)
        try:
            await asyncio.Event().wait()
        finally:
            self.server.listeners.discard(tell)


class Line:
    """The answer to one request."""

    def __init__(self, http: Http, writer: asyncio.StreamWriter, session: str | None):
        self.http, self.writer, self.session = http, writer, session
        self.begun = False

    async def begin(self):
        self.begun = True
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
        if self.session:
            head += f"mcp-session-id: {self.session}\r\n"
        self.writer.write(head.encode() + b"\r\n")
        await self.writer.drain()

    async def send(self, message: dict):
        await self.raw(json.dumps(message).encode())

    async def raw(self, data: bytes):
        if not self.begun:
            await self.begin()
        event = b"data: " + data + b"\n\n"
        self.writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await self.writer.drain()

    async def end(self):
        if self.begun:
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()

    def complain(self):
        """There is nobody who reads its standard error."""

    def forget(self):
        """Knows no session any more, this one's included."""
        self.http.sessions.clear()

    async def die(self, message: dict):
        """Ends every connection and session in the middle of this answer, as a restart does."""
        await self.begin()
        self.writer.write(b"%x\r\n%b" % (1000, json.dumps(message).encode()[:20]))
        self.http.sessions.clear()
        for writer in list(self.http.writers):
            writer.transport.abort()
        raise Gone


def parsed(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if line)
    return first.split(" ")[0], {name.lower(): value.strip() for name, value in pairs}


async def plain(writer: asyncio.StreamWriter, status: str):
    length = "" if status.startswith("204") else "content-length: 0\r\n"
    writer.write(f"HTTP/1.1 {status}\r\n{length}\r\n".encode())
    await writer.drain()


async def serve(port: int):
    # Many connections may come at once, and after `die` all of them again.
    async with await asyncio.start_server(Http().serve, "127.0.0.1", port, backlog=1024, limit=1 << 24) as server:
        print("listening", flush=True)
        await server.serve_forever()
