"""What the identity suites share: an identity provider, a second one that trusts it, MCP servers that want tokens,
and a gateway between them and its callers."""

import asyncio
import json
import pathlib
import string
import sys
from types import SimpleNamespace

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from logs import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 (pytest finds them here)
from processes import Gateway, Program, free_ports, get, until
from providers import Provider

HERE = pathlib.Path(__file__).parent
MACHINE = "wp-machine-0123456789abcdef0123456789abcdef"
SECRETS = {
    "WAYPOST_MACHINE_KEY": MACHINE,
    "WAYPOST_IDP_SECRET": "gateway-secret-0123456789abcdef",
    "WAYPOST_CRM_SECRET": "elsewhere-secret-0123456789abcdef",
}


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """Everything, once: `idp`, `crm_idp`, `mail`, `crm`, `gateway`, and its `resource`."""
    folder = tmp_path_factory.mktemp("identity")
    own, idp, crm_idp, mail, crm, desk = free_ports(6)
    at = lambda port, path="": f"http://127.0.0.1:{port}{path}"
    names = {
        "resource": at(own, "/mcp"), "opaque": at(own, "/opaque"), "mail": at(mail, "/mcp"), "crm": at(crm, "/mcp"),
        "idp": at(idp), "idp_host": f"127.0.0.1:{idp}", "crm_idp": at(crm_idp), "desk": at(desk, "/mcp"),
    }
    # The gateway's own resource comes first: only tokens for it are exchanged.
    resources = {
        names["resource"]: "tools:read tools:admin chat",
        names["mail"]: "mail:read",
        names["desk"]: "desk:read",
        names["opaque"]: "opaque tools:read",
    }
    clients = [
        ["agent", "agent-secret-0123456789abcdef", ["client"]],
        ["gateway", SECRETS["WAYPOST_IDP_SECRET"], ["client", "exchange"]],
    ]
    elsewhere = [["gateway-elsewhere", SECRETS["WAYPOST_CRM_SECRET"], ["client", "bearer"]]]
    stage = SimpleNamespace(**names, folder=folder)
    running = []

    def start(program):
        running.append(program)
        return program

    def upstream(name, port, issuer, *how):
        command = [sys.executable, HERE / "upstream.py", str(port), issuer, *how]
        return start(Program(name, command, folder, {}, at(port, "/seen"), 30.0))

    try:
        stage.provider = start(Provider("idp", folder, idp, resources, clients))
        stage.crm_provider = start(
            Provider("crm-idp", folder, crm_idp, {names["crm"]: "crm:read"}, elsewhere, trusts=names["idp"])
        )
        upstream("mail", mail, names["idp"])
        upstream("crm", crm, names["crm_idp"])
        upstream("desk", desk, names["idp"], "sessions")
        config = string.Template((HERE / "gateway.yaml").read_text()).substitute(names)
        stage.gateway = start(Gateway(config, folder, env=SECRETS, port=own))
        yield stage
    finally:
        for program in reversed(running):
            program.stop()


@pytest.fixture
def token(stage):
    """A good token for the gateway, with these claims in place of usual ones."""

    def make(sub: str = "alice", scope: str = "tools:read", **more) -> str:
        how = {name: more.pop(name) for name in ("key", "header") if name in more}
        return stage.provider.token({"aud": stage.resource, "sub": sub, "scope": scope} | more, **how)

    return make


@pytest.fixture
def seen(stage):
    """The headers of every request a server got."""
    return lambda name: json.loads(get(getattr(stage, name).removesuffix("/mcp") + "/seen"))


@pytest.fixture
def call(stage):
    """Calls a tool with a bearer, through the official client."""

    def run(bearer: str, tool: str, arguments: dict | None = None, mode: str = "auto", **more):
        async def called():
            http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {bearer}"})
            way = streamable_http_client(stage.resource, http_client=http)
            async with Client(way, mode=mode, **more) as client:
                return await client.call_tool(tool, arguments or {})

        return asyncio.run(called())

    return run


@pytest.fixture
def offered(stage):
    """Waits until a caller sees a tool: servers are asked for theirs while the gateway already serves."""

    def wait(bearer: str, tool: str):
        async def names():
            http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {bearer}"})
            async with Client(streamable_http_client(stage.resource, http_client=http)) as client:
                return {each.name for each in (await client.list_tools()).tools}

        until(f"{tool} is offered", lambda: tool in asyncio.run(names()), 20.0)

    return wait


@pytest.fixture
def post(stage):
    """A request of the face, by hand."""

    def send(path: str, body: dict, bearer: str | None = None, headers: dict | None = None):
        sent = {"accept": "application/json, text/event-stream"} | (headers or {})
        sent |= {"authorization": f"Bearer {bearer}"} if bearer is not None else {}
        return httpx2.post(f"{stage.gateway.url}{path}", json=body, headers=sent, timeout=30)

    return send
