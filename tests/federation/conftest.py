"""What the suites of federation share: keys, and where other people's servers are installed."""

import os
import pathlib
import subprocess
import sys

import pytest

from logs import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 (pytest finds them here)
from processes import QUIET

HERE = pathlib.Path(__file__).parent
SERVERS = HERE / "servers"
MODULES = HERE / "node_modules"
NODE = MODULES / "node/bin/node"
EVERYTHING = MODULES / "@modelcontextprotocol/server-everything/dist/index.js"
MEMORY = MODULES / "@modelcontextprotocol/server-memory/dist/index.js"
PYTHON = sys.executable
TIME = os.path.join(os.path.dirname(sys.executable), "mcp-server-time")

KEYS = {
    "WAYPOST_ALICE_KEY": "wp-alice-0123456789abcdef0123456789abcdef",
    "WAYPOST_BOB_KEY": "wp-bob-0123456789abcdef0123456789abcdef",
    "WAYPOST_NARROW_KEY": "wp-narrow-0123456789abcdef0123456789abcdef",
}
ALICE, BOB, NARROW = KEYS.values()


@pytest.fixture(scope="session")
def node():
    """Runs a script of `clients/` with the pinned Node; gives its last line."""

    def run(script: str, *arguments: str) -> str:
        command = [NODE, HERE / "clients" / script, *arguments]
        done = subprocess.run(command, env=QUIET, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip().splitlines()[-1]

    return run
