"""A tool server whose every answer tells whose call it was, over Streamable HTTP and in both generations.

    diary.py PORT
"""

import asyncio
import sys
import uuid
from typing import Annotated

from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from pydantic import BaseModel

server = MCPServer("diary")


class Name(BaseModel):
    name: str


async def name() -> Elicit[Name]:
    return Elicit("What is your name?", Name)


@server.tool()
async def write(text: str, context: Context) -> str:
    """Gives a text back, and says it in its progress on the way."""
    for step in (1, 2):
        await context.report_progress(step, 2, text)
        await asyncio.sleep(0.01)
    return text


@server.tool()
async def greet(who: Annotated[Name, Resolve(name)], word: str) -> str:
    """Asks its caller's user for a name, and greets."""
    return f"{word} {who.name}"


@server.tool()
async def number() -> str:
    """A number that is another each time it is drawn."""
    return uuid.uuid4().hex


@server.resource("diary://page")
def page() -> str:
    """The page."""
    return "Nothing is written here."


server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
