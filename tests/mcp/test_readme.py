"""What the README tells newcomers to do at `/mcp`, as it is written: the demo, and the few lines of Python. Only the ports
are others."""

import asyncio
import re
import subprocess
import sys

import pytest
from mcp import Client

from processes import CHECKOUT, QUIET, WAYPOST, Program, free_ports

PAGE = (CHECKOUT / "README.md").read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    public, admin = free_ports(2)
    listens = ["--listen", f"127.0.0.1:{public}", "--admin-listen", f"127.0.0.1:{admin}"]
    ready = f"http://127.0.0.1:{admin}/readyz"
    program = Program("demo", [WAYPOST, "demo", *listens], tmp_path_factory.mktemp("demo"), {}, ready, 20.0)
    yield f"127.0.0.1:{public}"
    program.stop()


def test_the_lines_of_python_print_a_summary(demo):
    (example,) = [each for each in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "from mcp import" in each]
    assert "127.0.0.1:8080" in example
    written = example.replace("127.0.0.1:8080", demo)
    done = subprocess.run([sys.executable, "-c", written], env=QUIET, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_demo_has_as_many_tools_as_it_is_said_to_have(demo):
    async def run():
        async with Client(f"http://{demo}/mcp") as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert "the demo serves five tools" in PAGE
    assert len(asyncio.run(run())) == 5
