"""What the MCP suites share: one gateway, its keys, and where its clients find it."""

import os
import pathlib
import subprocess

import pytest

from logs import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 (pytest finds them here)
from processes import QUIET, WAYPOST, Gateway

HERE = pathlib.Path(__file__).parent
KEYS = {
    "WAYPOST_AGENT_KEY": "wp-agent-0123456789abcdef0123456789abcdef",
    "WAYPOST_READER_KEY": "wp-reader-0123456789abcdef0123456789abcdef",
}
AGENT, READER = KEYS.values()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """The gateway of `gateway.yaml`, for all tests: its clients must not disturb each other."""
    program = Gateway((HERE / "gateway.yaml").read_text(), tmp_path_factory.mktemp("gateway"), env=KEYS)
    yield program
    program.close()


@pytest.fixture(scope="session")
def url(gateway):
    return f"{gateway.url}/mcp"


@pytest.fixture
def stdio(tmp_path):
    """The command of a server over stdio, with its environment."""
    written = tmp_path / "waypost.yaml"
    written.write_text((HERE / "gateway.yaml").read_text())
    return [str(WAYPOST), "mcp", "--config", str(written)], KEYS | {"WAYPOST_API_KEY": AGENT}


@pytest.fixture(scope="session")
def node():
    """Runs a script of `clients/` with the pinned Node; gives its last line."""
    node = HERE / "node_modules/node/bin/node"

    def run(script: str, *arguments: str) -> str:
        command = [node, HERE / "clients" / script, *arguments]
        done = subprocess.run(command, env=QUIET, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip().splitlines()[-1]

    return run


@pytest.fixture(scope="session")
def inspector():
    """Runs the inspector's command line; gives what it prints."""
    binary = HERE / "node_modules/.bin/mcp-inspector"
    path = f"{HERE / 'node_modules/node/bin'}:{os.environ['PATH']}"

    def run(*arguments: str) -> str:
        command = [binary, "--cli", *arguments]
        done = subprocess.run(command, env=QUIET | {"PATH": path}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
