"""Somebody's tool server, as the guide has it: two tools, over Streamable HTTP.

    crm.py PORT SEEN

The headers of every request are noted in the file SEEN, one JSON document a line.
"""

import json
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

PORT, SEEN = int(sys.argv[1]), sys.argv[2]
server = MCPServer("crm")


@server.tool()
def search(query: str) -> str:
    """Searches customers."""
    return f"Nobody is called {query}."


@server.tool()
def update(name: str) -> str:
    """Updates a customer."""
    return f"{name} is up to date."


inside = server.streamable_http_app()


async def door(scope, receive, send):
    if scope["type"] == "http":
        headers = {name.decode(): value.decode(errors="replace") for name, value in scope["headers"]}
        with open(SEEN, "a") as seen:
            seen.write(json.dumps(headers) + "\n")
    await inside(scope, receive, send)


uvicorn.run(door, host="127.0.0.1", port=PORT, log_level="info")
