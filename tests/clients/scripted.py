"""A provider on loopback that answers what a test tells it to, in OpenAI's format, and remembers what it was asked.

It thinks nothing of its own: without a script it says `ok`.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def says(text: str) -> dict:
    """An answer with this text."""
    return {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}


def calls(tool: str, arguments: str) -> dict:
    """An answer that calls a tool."""
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": tool, "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"message": message, "finish_reason": "tool_calls"}


def fails(status: int, code: str | None = None, message: str = "no", **headers: str) -> dict:
    """A refusal; header names are written with `_`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "error": {"message": message, "type": "error", "code": code}, "headers": named}


class Scripted:
    """A running provider. `script` gives the answer to a request: `script(body, key)`."""

    def __init__(self, script=lambda body, key: says("ok")):
        self.script = script
        self.asked: list[tuple[dict, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def models(self) -> list[str]:
        """The models asked for, in order."""
        return [body["model"] for body, _ in self.asked]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _handler(provider):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                key = self.headers.get("authorization", "").removeprefix("Bearer ")
                provider.asked.append((body, key))
                answer = provider.script(body, key)
                if "error" in answer:
                    return self._send(answer["status"], {"error": answer["error"]}, answer["headers"])
                if body.get("stream"):
                    return self._stream(body, answer)
                self._send(200, whole(body, answer), {})

            def _send(self, status: int, body: dict, headers: dict):
                self._write(status, "application/json", json.dumps(body).encode(), headers)

            def _stream(self, body: dict, answer: dict):
                events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks(body, answer)]
                self._write(200, "text/event-stream", "".join([*events, "data: [DONE]\n\n"]).encode(), {})

            def _write(self, status: int, kind: str, data: bytes, headers: dict):
                self.send_response(status)
                for name, value in {"content-type": kind, "content-length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        return Handler


USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def whole(body: dict, answer: dict) -> dict:
    base = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"], "usage": USAGE}
    return {**base, "choices": [{"index": 0, **answer}]}


def chunks(body: dict, answer: dict):
    """The same answer in pieces of a few letters."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

    def chunk(delta: dict, finish: str | None = None) -> dict:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    message = answer["message"]
    yield chunk({"role": "assistant", "content": ""})
    text = message.get("content") or ""
    for start in range(0, len(text), 5):
        yield chunk({"content": text[start : start + 5]})
    for call in message.get("tool_calls", []):
        yield chunk({"tool_calls": [call]})
    yield chunk({}, answer["finish_reason"])
    yield {**base, "choices": [], "usage": USAGE}
