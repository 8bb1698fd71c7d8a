"""An MCP server that wants tokens which are made for it: `upstream.py PORT ISSUER [sessions]`.

With `sessions` it has them, and each is its user's who opened it: for everybody else there is none. It checks them as it should, and keeps the headers of every request it gets, to be searched for what should not be there
(`GET /seen`)."""

import json
import sys

import jwt
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

port, issuer = int(sys.argv[1]), sys.argv[2]
has_sessions = "sessions" in sys.argv[3:]
resource = f"http://127.0.0.1:{port}/mcp"
keys = jwt.PyJWKClient(f"{issuer}/jwks", cache_jwk_set=False)
seen: list[dict[str, str]] = []
owners: dict[str, str] = {}
server = MCPServer("upstream")


def claims(headers) -> dict:
    """Whom a request speaks for; raises if its token is not good here."""
    token = headers.get("authorization", "").removeprefix("Bearer ")
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=resource, issuer=issuer)


@server.tool()
def whoami(context: Context) -> dict[str, str]:
    """Says whom the token of this call speaks for."""
    said = claims(context.headers)
    act = said.get("act", {}).get("sub", "")
    return {"sub": said.get("sub", ""), "aud": said["aud"], "iss": said["iss"], "scope": said["scope"], "act": act}


class Name(BaseModel):
    name: str


if has_sessions:

    @server.tool()
    async def introduce(context: Context) -> str:
        """Asks the user for a name."""
        answer = await context.elicit("Who are you?", Name)
        return f"{claims(context.headers)['sub']} is {answer.data.name}"


inside = server.streamable_http_app(stateless_http=not has_sessions)


async def door(scope, receive, send):
    if scope["type"] != "http":
        return await inside(scope, receive, send)
    if scope["path"] == "/seen":
        return await answer(send, 200, json.dumps(seen).encode())
    headers = {name.decode(): value.decode(errors="replace") for name, value in scope["headers"]}
    seen.append(headers)
    try:
        sub = claims(headers).get("sub", "")
    except (jwt.PyJWTError, ValueError) as error:
        print(f"refused: {type(error).__name__}", flush=True)
        return await answer(send, 401, b"{}", [(b"www-authenticate", b"Bearer")])
    session = headers.get("mcp-session-id")
    if session is not None and owners.get(session) != sub:
        print(f"{sub} is in a session of {owners.get(session)}", flush=True)
        return await answer(send, 404, b"{}")

    async def own(message):
        for name, value in message.get("headers", []):
            if name == b"mcp-session-id":
                owners.setdefault(value.decode(), sub)
        await send(message)

    return await inside(scope, receive, own)


async def answer(send, status: int, body: bytes, headers=()):
    headers = [(b"content-type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


uvicorn.run(door, host="127.0.0.1", port=port, log_level="warning")
