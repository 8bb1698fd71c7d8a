"""Calls of servers on a user's behalf: with a token that is made for that server and that user, and with no other."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from mcp.types import ElicitResult

from conftest import MACHINE
from processes import get, until


def bearers(seen) -> set[str]:
    return {headers.get("authorization", "").removeprefix("Bearer ") for headers in seen}


def subject(headers) -> str:
    """Whom a request speaks for, as its token says."""
    payload = headers["authorization"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_a_server_sees_its_own_tokens_of_each_user(stage, call, token, seen, offered, mode):
    users = {sub: token(sub, mode=mode) for sub in ("alice", "bob")}
    offered(users["alice"], "mail__whoami")
    for _ in range(2):
        for sub, bearer in users.items():
            said = call(bearer, "mail__whoami", mode=mode)
            assert not said.is_error, said.content
            expected = {"sub": sub, "aud": stage.mail, "iss": stage.idp, "scope": "mail:read", "act": "gateway"}
            assert said.structured_content == expected
    assert not bearers(seen("mail")) & set(users.values())


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_each_user_of_a_server_with_sessions_has_one_of_its_own(stage, call, token, seen, offered, mode):
    """The server has no session for who did not open it. Calls and answers to questions are all in the user's own."""
    users = {sub: token(sub, session=mode) for sub in ("alice", "bob", "carol")}
    offered(users["alice"], "desk__introduce")

    def use(sub: str):
        async def answer(context, params):
            return ElicitResult(action="accept", content={"name": sub.title()})

        for _ in range(3):
            said = call(users[sub], "desk__introduce", mode=mode, elicitation_callback=answer)
            assert not said.is_error, said.content
            assert said.structured_content == {"result": f"{sub} is {sub.title()}"}
            assert call(users[sub], "desk__whoami", mode=mode).structured_content["sub"] == sub

    with ThreadPoolExecutor() as threads:
        list(threads.map(use, users))
    whose = {}
    for headers in seen("desk"):
        if session := headers.get("mcp-session-id"):
            whose.setdefault(session, set()).add(subject(headers))
    assert all(len(subs) == 1 for subs in whose.values()), whose
    # The gateway's own, in which lists are read, and one for each user, whatever its clients speak.
    assert sorted(sub for (sub,) in whose.values()) == ["alice", "bob", "carol", "gateway"]
    assert not bearers(seen("desk")) & set(users.values())


def test_an_exchange_is_made_once_for_each_token(stage, call, token, offered):
    alice = token("alice")
    offered(alice, "mail__whoami")
    before = stage.provider.asked("/token")
    for _ in range(5):
        assert not call(alice, "mail__whoami").is_error
    assert stage.provider.asked("/token") - before == 1


def test_a_server_elsewhere_is_called_on_the_identity_providers_word(stage, call, token, seen, offered):
    for sub in ("alice", "bob"):
        bearer = token(sub)
        offered(bearer, "crm__whoami")
        said = call(bearer, "crm__whoami")
        assert not said.is_error, said.content
        expected = {"sub": sub, "aud": stage.crm, "iss": stage.crm_idp, "scope": "crm:read", "act": ""}
        assert said.structured_content == expected
        assert bearer not in bearers(seen("crm"))


def test_what_an_authorization_server_refuses_is_told_by_its_code(stage, call, token, seen, offered):
    offered(token(), "mail__whoami")
    before = len(seen("mail"))
    # Good here, by `audiences`; but the authorization server exchanges only what was made for the gateway's resource.
    other = token("mallory", aud=stage.opaque)
    said = call(other, "mail__whoami")
    assert said.is_error and "invalid_target" in said.content[0].text
    assert len(seen("mail")) == before


def test_a_key_cannot_be_exchanged(call, token, seen, offered):
    offered(token(), "mail__whoami")
    before = len(seen("mail"))
    said = call(MACHINE, "mail__whoami")
    assert said.is_error and "sign-in" in said.content[0].text
    assert len(seen("mail")) == before


def test_the_log_tells_whose_token_reached_what(stage, call, token, offered):
    log = stage.folder / "waypost.log"

    def told():
        """The lines of these users' calls."""
        lines = [line for line in log.read_text().splitlines() if '"message":"tool_call"' in line]
        return [line for line in map(json.loads, lines) if line["caller"] in ("idp/olga", "idp/pavel")]

    for sub in ("olga", "pavel"):
        bearer = token(sub)
        for tool in ("mail__whoami", "crm__whoami"):
            offered(bearer, tool)
            assert not call(bearer, tool).is_error
    until("all lines are written", lambda: len(told()) == 4)
    digests = set()
    expected = [(sub, where) for sub in ("olga", "pavel") for where in ("mail", "crm")]
    for (sub, where), line in zip(expected, told()):
        assert (line["server"], line["tool"], line["what"]) == (where, f"{where}.whoami", "tool")
        (upstream,) = line["upstream"]
        digests.add(upstream.pop("token"))
        upstream["on_behalf_of"].pop("client", None)
        assert upstream == {
            "replica": getattr(stage, where),
            "credentials": {"mail": "token_exchange", "crm": "id_jag"}[where],
            "on_behalf_of": {"issuer": "idp", "subject": sub},
            "requests": 1,
            "outcome": "answered",
        }
    assert len(digests) == 4 and all(re.fullmatch("[0-9a-f]{12}", digest) for digest in digests)


def test_a_callers_token_is_nowhere_but_where_it_was_sent(stage, call, token, seen, offered):
    """Whatever was captured: requests of servers, every log, every record, every metric."""
    users = [token("alice", canary="1"), token("bob", canary="2")]
    for bearer in users:
        offered(bearer, "mail__whoami")
        offered(bearer, "crm__whoami")
        for tool in ("mail__whoami", "crm__whoami", "echo", "secret", "none"):
            try:
                call(bearer, tool, {"text": "hi"} if tool in ("echo", "secret") else {})
            except Exception as refused:  # noqa: BLE001 (only what it says matters)
                assert bearer not in str(refused)
    issued = {each for name in ("mail", "crm", "desk") for each in bearers(seen(name))}
    captured = {log.name: log.read_text(errors="replace") for log in stage.folder.glob("*.log")}
    assert "waypost.log" in captured and "mail.log" in captured
    captured |= {name: json.dumps(seen(name)) for name in ("mail", "crm")}
    captured["at the second provider"] = stage.crm_provider.test("asked")
    captured["metrics"] = get(f"{stage.gateway.admin}/metrics")
    captured["records"] = get(f"{stage.gateway.admin}/admin/requests")
    for place, text in captured.items():
        for bearer in users:
            assert bearer not in text and bearer.rsplit(".", 1)[1] not in text, place
        if place not in ("mail", "crm"):
            assert not [each for each in issued if each and each in text], place
