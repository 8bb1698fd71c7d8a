"""Real processes for the suites: start one, wait until it answers, stop it, and keep what it wrote.

Everything listens on loopback, on ports that were free a moment ago. Nothing here knows a test.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
WAYPOST = pathlib.Path(os.environ.get("WAYPOST_BINARY", CHECKOUT / "target/debug/waypost"))
LITELLM = CHECKOUT / ".tools/litellm/bin/litellm"

# No test talks to the outside, so a proxy from the environment could only get in the way.
QUIET = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on. All are held until the last is found, so they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def get(url: str, timeout: float = 5.0) -> str:
    """The body of a plain GET; raises `OSError` if there is none or the status is an error."""
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def until(what: str, condition, seconds: float = 10.0):
    """What `condition` gives as soon as it gives something; an error in words when it never does."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.02)


class Program:
    """A running process."""

    running: list["Program"] = []

    def __init__(self, name: str, command: list, folder: pathlib.Path, env: dict, ready: str, patience: float):
        self.name = name
        self.log = folder / f"{name}.log"
        self.read_from = 0
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=QUIET | env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        Program.running.append(self)
        try:
            until(f"{name} answers at {ready}", lambda: self._answers(ready), patience)
        except BaseException:
            self.stop()
            print(f"--- {name} wrote:\n{self.tail()}")
            raise

    def _answers(self, url: str) -> bool:
        code = self.process.poll()
        assert code is None, f"{self.name} ended with code {code} before it was ready:\n{self.tail()}"
        try:
            get(url, timeout=2.0)
        except OSError:
            return False
        return True

    def mark(self):
        """What is written from here on is what `tail` shows."""
        self.read_from = self.log.stat().st_size

    def tail(self, size: int = 4_000) -> str:
        return self.log.read_bytes()[self.read_from :][-size:].decode(errors="replace")

    def stop(self, patience: float = 15.0) -> int:
        """Asks it to end, then makes it; gives its exit code (negative: the signal that killed it)."""
        if self in Program.running:
            Program.running.remove(self)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Gateway(Program):
    """A Waypost with the given config; the addresses are ours to add."""

    def __init__(
        self,
        config: str,
        folder: pathlib.Path,
        name: str = "waypost",
        env: dict | None = None,
        port=None,
        server="",
        scheme="http",
    ):
        """`server` is what is said of it beside its addresses, as members of a YAML mapping."""
        assert WAYPOST.exists(), f"{WAYPOST} is not there: run `cargo build` first"
        public, admin = free_ports(2)
        public = port or public
        self.url = f"{scheme}://127.0.0.1:{public}"
        self.admin = f"http://127.0.0.1:{admin}"
        listens = f"listen: '127.0.0.1:{public}', admin_listen: '127.0.0.1:{admin}'"
        written = folder / f"{name}.yaml"
        written.write_text(f"server: {{ {listens}, {server} }}\n{config}")
        command = [WAYPOST, "serve", "--config", written]
        super().__init__(name, command, folder, env or {}, f"{self.admin}/readyz", 20.0)

    def record(self, request_id: str, seconds: float = 10.0) -> dict:
        """The explain record of a request that has ended."""
        last = {}

        def closed():
            nonlocal last
            try:
                last = json.loads(get(f"{self.admin}/admin/requests/{request_id}"))
            except urllib.error.HTTPError as error:
                assert error.code == 404, f"/admin/requests answers {error.code}"
                return None
            return last if last.get("end") != "open" else None

        try:
            return until(f"request {request_id} is closed", closed, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {last}") from None

    def count(self, metric: str, **labels: str) -> int:
        """The sum of a counter over its series with these labels."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        lines = get(f"{self.admin}/metrics").splitlines()
        series = [line for line in lines if line.startswith((f"{metric}{{", f"{metric} "))]
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in series if all(each in line for each in wanted))

    def close(self):
        """Stops it and insists on a clean end."""
        code = self.stop()
        assert code == 0, f"{self.name} ended with code {code} on SIGTERM:\n{self.tail()}"
