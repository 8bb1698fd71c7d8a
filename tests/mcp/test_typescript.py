"""The TypeScript SDKs of both generations, and the inspector's command line."""

import json

import pytest

from conftest import AGENT


def test_version_1_with_a_session(node, url):
    assert node("ts1.mjs", url, AGENT).startswith("OK legacy session")


@pytest.mark.parametrize("mode", ["legacy", "modern", "auto"])
def test_version_2(node, url, mode):
    assert node("ts2.mjs", mode, url, AGENT).startswith(f"OK {mode}")


@pytest.mark.parametrize("era", ["legacy", "modern", "auto"])
def test_the_inspector(inspector, url, era):
    server = [
        *("--server-url", url, "--transport", "http", "--header", f"Authorization: Bearer {AGENT}"),
        *("--protocol-era", era, "--stored-auth-only", "-q", "--format", "json"),
    ]
    listed = json.loads(inspector(*server, "--method", "tools/list"))
    names = {tool["name"] for tool in listed.get("result", listed)["tools"]}
    assert {"echo", "slow"} <= names
    called = inspector(*server, "--method", "tools/call", "--tool-name", "echo", "--tool-arg", "text=hi")
    assert '"hi"' in called
