"""A stateless server of 2026-07-28 that makes a task of every call, by hand: the SDK has no such server.

    worker.py PORT

It knows its own tasks and no other's, and each is done when it has been asked for three times. `GET /seen` tells how
many it began, and how often it was asked for one that it did not.
"""

import itertools
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PORT = int(sys.argv[1])
META = "io.modelcontextprotocol/"
TASKS = f"{META}tasks"
POLLS = 3

numbers = itertools.count()
polls: dict[str, int] = {}
texts: dict[str, str] = {}
strangers = 0


def standing(task: str, **more) -> dict:
    at = "2026-11-27T00:00:00Z"
    times = {"createdAt": at, "lastUpdatedAt": at, "ttlMs": 600_000, "pollIntervalMs": 100}
    return {"taskId": task, "status": "working"} | times | more


def begun(text: str) -> dict:
    # The same numbers at every replica: an id alone does not say whose it is.
    task = f"task-{next(numbers)}"
    polls[task], texts[task] = 0, text
    return standing(task) | {"resultType": "task"}


def polled(task: str) -> dict | None:
    global strangers
    if task not in polls:
        strangers += 1
        return None
    polls[task] += 1
    if polls[task] < POLLS:
        return standing(task)
    said = {"content": [{"type": "text", "text": f"{PORT} {texts[task]}"}], "isError": False}
    return standing(task, status="completed", result=said)


def answered(method: str, params: dict) -> dict | None:
    fresh = {"ttlMs": 0, "cacheScope": "private"}
    match method:
        case "server/discover":
            able = {"tools": {}, "extensions": {TASKS: {}}}
            return {"supportedVersions": ["2026-07-28"], "capabilities": able} | fresh
        case "tools/list":
            schema = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
            return {"tools": [{"name": "work", "description": "Works.", "inputSchema": schema}]} | fresh
        case "tools/call" if TASKS in params["_meta"][f"{META}clientCapabilities"].get("extensions", {}):
            return begun(params["arguments"]["text"])
        case "tasks/get":
            return polled(params["taskId"])
    return None


async def mcp(request):
    if request.method != "POST":
        return Response(status_code=405)
    message = await request.json()
    if "id" not in message:
        return Response(status_code=202)
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    result = answered(message["method"], message.get("params", {}))
    if result is None:
        return JSONResponse(answer | {"error": {"code": -32602, "message": "There is no such thing"}})
    about = {"_meta": {f"{META}serverInfo": {"name": "worker", "version": "0"}}}
    return JSONResponse(answer | {"result": {"resultType": "complete"} | about | result})


async def seen(_request):
    return JSONResponse({"begun": len(polls), "strangers": strangers, "unasked": sum(n < POLLS for n in polls.values())})


routes = [Route("/mcp", mcp, methods=["POST", "GET"]), Route("/seen", seen)]
uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=PORT, log_level="warning")
