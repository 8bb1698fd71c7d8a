"""The gateway as a resource server: what it says of itself, and what it says to those it does not let in."""

import json
import re

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from bodies import CHAT, INITIALIZE, call as calling
from conftest import MACHINE
from processes import get


def challenge(answer) -> dict[str, str]:
    """The parameters of a `Bearer` challenge."""
    text = answer.headers["www-authenticate"]
    assert text.startswith("Bearer"), text
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


@pytest.mark.parametrize("path", ["", "/mcp"])
def test_it_says_where_tokens_are_had(stage, path):
    told = json.loads(get(f"{stage.gateway.url}/.well-known/oauth-protected-resource{path}"))
    assert told["resource"] == stage.resource
    assert told["authorization_servers"] == [stage.idp]
    assert told["bearer_methods_supported"] == ["header"]
    assert "tools:read" in told["scopes_supported"]
    assert not {"offline_access", "openid"} & set(told["scopes_supported"])


def test_who_has_no_token_is_told_where_to_get_one(stage, post):
    answer = post("/mcp", INITIALIZE)
    assert answer.status_code == 401
    told = challenge(answer)
    assert "error" not in told
    assert told["scope"].split() == ["chat", "tools:read"]
    metadata = httpx2.get(told["resource_metadata"]).json()
    assert metadata["resource"] == stage.resource


def test_who_has_a_bad_token_is_told_so(stage, post, token):
    for bad in ["nonsense", token(exp=1), token()[:-4]]:
        answer = post("/mcp", INITIALIZE, bad)
        assert answer.status_code == 401, bad
        told = challenge(answer)
        assert told["error"] == "invalid_token"
        assert "resource_metadata" in told


def test_who_lacks_a_scope_is_told_which(stage, post, token):
    body, headers = calling("secret", {"text": "hi"})
    answer = post("/mcp", body, token(scope="tools:read chat mail"), headers)
    assert answer.status_code == 403
    told = challenge(answer)
    assert told["error"] == "insufficient_scope"
    assert told["scope"].split() == ["chat", "tools:read", "tools:admin"]
    assert "resource_metadata" in told
    good = post("/mcp", body, token(scope="tools:admin"), headers)
    assert good.status_code == 200, good.text


def test_a_token_in_the_address_opens_nothing(stage, post, token):
    for name in ["access_token", "token"]:
        answer = post(f"/mcp?{name}={token()}", INITIALIZE)
        assert answer.status_code in (400, 401)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_a_good_token_opens_mcp(call, token, mode):
    said = call(token("alice"), "echo", {"text": "hi"}, mode)
    assert said.structured_content == {"text": "hi", "who": "idp/alice"}


def test_a_good_token_opens_the_openai_surface(stage, post, token):
    answer = post("/v1/chat/completions", CHAT, token(scope="chat"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["object"] == "chat.completion"
    narrow = post("/v1/chat/completions", CHAT, token(scope="tools:read"))
    assert narrow.status_code in (403, 404), narrow.text


def test_keys_stay_good_beside_tokens(call, post):
    assert call(MACHINE, "echo", {"text": "hi"}).structured_content["who"] == "machine"
    assert post("/v1/chat/completions", CHAT, MACHINE).status_code == 200


def test_a_session_is_its_owners(stage, post, token):
    opened = post("/mcp", INITIALIZE, token("alice"))
    assert opened.status_code == 200, opened.text
    session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert post("/mcp", listing, token("bob"), session).status_code == 404
    assert post("/mcp", listing, token("alice"), session).status_code == 200
    assert post("/mcp", listing, None, session).status_code == 401
