"""A tool server that asks a model with the official `openai` SDK, and knows nothing of Waypost.

    thinker.py stdio NOTES        the SDK finds OPENAI_BASE_URL and OPENAI_API_KEY in the environment by itself
    thinker.py http PORT NOTES    a call's ticket is exchanged for a key first, as RFC 8693 says

What keys it had is noted in the file NOTES, one JSON document a line, for the test to try them afterwards.
"""

import json
import os
import sys
from typing import Annotated

import httpx2
from mcp.server.mcpserver import Context, MCPServer, Resolve, Sample
from mcp.types import CreateMessageResult, SamplingMessage, TextContent
from openai import AsyncOpenAI, OpenAIError

NOTES = sys.argv[-1]
server = MCPServer("thinker")


def note(**what):
    with open(NOTES, "a") as notes:
        notes.write(json.dumps(what) + "\n")


async def exchanged(base_url: str, ticket: str) -> dict:
    """The key a ticket is good for."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": ticket,
        "subject_token_type": "urn:waypost:token-type:ticket",
    }
    headers = {"Authorization": f"Bearer {os.environ['CLIENT_KEY']}"}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{base_url.removesuffix('/v1')}/oauth/token", data=form, headers=headers)
    answer.raise_for_status()
    return answer.json()


async def model(context: Context) -> AsyncOpenAI:
    """The SDK's client: with nothing but the environment, or with the key of this call's ticket."""
    meta = dict(context.request_context.meta or {})
    ticket = meta.get("dev.waypost/ticket")
    if ticket is None:
        note(key=os.environ["OPENAI_API_KEY"], base_url=os.environ["OPENAI_BASE_URL"])
        return AsyncOpenAI(max_retries=0)
    base_url = meta["dev.waypost/base_url"]
    issued = await exchanged(base_url, ticket)
    note(key=issued["access_token"], base_url=base_url, ticket=ticket, expires_in=issued["expires_in"])
    return AsyncOpenAI(api_key=issued["access_token"], base_url=base_url, max_retries=0)


@server.tool()
async def summarise(text: str, context: Context, times: int = 1) -> str:
    """Summarises a text, with as many completions as it is told."""
    client = await model(context)
    answer = ""
    for _ in range(times):
        messages = [{"role": "user", "content": f"Summarise: {text}"}]
        completion = await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        answer = completion.choices[0].message.content
    return answer


@server.tool()
async def stream(text: str, context: Context) -> str:
    """Does the same, piece by piece."""
    client = await model(context)
    messages = [{"role": "user", "content": f"Summarise: {text}"}]
    pieces = await client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True)
    return "".join([piece.choices[0].delta.content or "" async for piece in pieces if piece.choices])


@server.tool()
async def refused(context: Context) -> str:
    """Says what the SDK makes of a model that may not be used up: asks until it is refused."""
    client = await model(context)
    try:
        for _ in range(50):
            messages = [{"role": "user", "content": "again"}]
            await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    except OpenAIError as error:
        return f"{type(error).__name__} {getattr(error, 'status_code', None)}"
    return "never refused"


def question(text: str) -> Sample:
    content = TextContent(type="text", text=f"Summarise: {text}")
    return Sample([SamplingMessage(role="user", content=content)], max_tokens=200)


@server.tool()
async def sampled(text: str, sampled: Annotated[CreateMessageResult, Resolve(question)]) -> str:
    """Summarises a text by asking whoever calls, as servers of 2025-11-25 do."""
    return sampled.content.text


if sys.argv[1] == "stdio":
    server.run("stdio")
else:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
