"""Tokens that are not good, keys that change, and tokens that only their issuer can read."""

import time

import pytest

from bodies import CHAT, INITIALIZE, call as calling
from processes import until

BAD = {
    "for another audience": dict(aud="http://127.0.0.1:1/mcp"),
    "for our host, but not for this resource": dict(aud="RESOURCE/"),
    "for nobody": dict(aud=None),
    "of another issuer": dict(iss="http://127.0.0.1:1"),
    "of our issuer, with a slash": dict(iss="ISSUER/"),
    "that has ended": dict(exp=int(time.time()) - 120),
    "without an end": dict(exp=None),
    "that is not good yet": dict(nbf=int(time.time()) + 600),
    "of nobody": dict(sub=None),
    "without a signature": dict(key="none"),
    "without a signature, in capitals": dict(key="none", header={"alg": "NONE"}),
    "signed with the public key as a secret": dict(key="public"),
    "signed with another key": dict(key="other"),
    "signed with a key nobody knows": dict(header={"kid": "unknown"}),
    "signed with a key that lies in a file": dict(header={"kid": "../../dev/null"}),
    "an ID token": dict(header={"typ": "JWT"}, nonce="n", at_hash="x"),
    "that brings its own key": dict(key="other", header={"jku": "http://127.0.0.1:1/jwks"}),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_token_opens_nothing(stage, post, token, seen, what):
    words = {"RESOURCE/": f"{stage.resource}/", "ISSUER/": f"{stage.idp}/"}
    claims = {name: words.get(value, value) if isinstance(value, str) else value for name, value in BAD[what].items()}
    bad = token(**claims)
    before = len(seen("mail"))
    body, headers = calling("mail__whoami", {})
    for answer in [
        post("/mcp", INITIALIZE, bad),
        post("/mcp", body, bad, headers),
        post("/v1/chat/completions", CHAT, bad),
        post("/v1/messages", CHAT | {"max_tokens": 5}, bad),
        post("/v1/embeddings", {"model": "chat", "input": "hi"}, bad),
    ]:
        assert answer.status_code == 401, (answer.request.url, answer.text)
    assert all(bad not in str(headers) for headers in seen("mail")[before:])


def test_a_new_key_is_found_and_an_old_one_is_forgotten(stage, post, token):
    used, unused = token(), token(number=2)
    assert post("/mcp", INITIALIZE, used).status_code == 200
    stage.provider.test("rotate")
    new = token()
    # Who made the gateway look for an unknown key a moment ago makes the next one wait, for half a minute at most.
    until("the new key is known", lambda: post("/mcp", INITIALIZE, new).status_code == 200, 35.0)
    assert post("/mcp", INITIALIZE, unused).status_code == 401


def test_many_unknown_keys_do_not_make_many_fetches(stage, post, token):
    before = stage.provider.asked("/jwks")
    for number in range(50):
        assert post("/mcp", INITIALIZE, token(header={"kid": f"unknown-{number}"})).status_code == 401
    assert stage.provider.asked("/jwks") - before <= 2


def test_an_opaque_token_is_asked_about(stage, post, call):
    opaque = stage.provider.test("opaque", sub="carol", resource=stage.opaque, scope="tools:read")
    before = stage.provider.asked("/token/introspection")
    for _ in range(3):
        assert call(opaque, "echo", {"text": "hi"}).structured_content["who"] == "idp/carol"
    assert stage.provider.asked("/token/introspection") - before == 1
    assert post("/mcp", INITIALIZE, opaque[:-1] + "x").status_code == 401
