#!/usr/bin/env python3
"""What sessions of MCP clients cost, and whether clients that never say goodbye leave anything behind.

    benches/sessions.py target/release/waypost            # both
    benches/sessions.py target/release/waypost memory     # active and parked sessions, in KiB each
    benches/sessions.py target/release/waypost soak 10000 # clients that abandon their sessions

It starts the gateway itself, on free ports, with a configuration of its own. Exit status 1 if a bar is missed.
"""
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

ACCEPT = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
INITIALIZE = json.dumps({
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}},
})
INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
LIST = '{"jsonrpc":"2.0","id":2,"method":"tools/list"}'
KEY = "wp-bench-0123456789"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Gateway:
    """A gateway in a process of its own."""

    def __init__(self, program, sessions, store=False):
        self.folder = tempfile.TemporaryDirectory()
        self.port, self.admin = free_port(), free_port()
        config = f"access: {{ keys: [{{ name: bench, key: {KEY} }}] }}\nmcp: {{ sessions: {{ {sessions} }} }}\n"
        config += "providers: { s: { dialect: simulated } }\n"
        config += "store: { path: waypost.db }\n" if store else ""
        with open(os.path.join(self.folder.name, "waypost.yaml"), "w") as file:
            file.write(config)
        arguments = ["serve", "--listen", f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{self.admin}"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([os.path.abspath(program), *arguments], cwd=self.folder.name, stdout=quiet, stderr=quiet)
        self.line = None
        for _ in range(200):
            try:
                self.get("/healthz", self.admin)
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the gateway does not serve")

    def get(self, path, port):
        line = http.client.HTTPConnection("127.0.0.1", port)
        line.request("GET", path)
        return line.getresponse().read().decode()

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics", self.admin), re.M)
        return float(found[1]) if found else 0.0

    def post(self, body, session=None):
        headers = {**ACCEPT, "authorization": f"Bearer {KEY}"}
        if session:
            headers["mcp-session-id"] = session
        if self.line is None:
            self.line = http.client.HTTPConnection("127.0.0.1", self.port)
        self.line.request("POST", "/mcp", body, headers)
        answer = self.line.getresponse()
        answer.read()
        assert answer.status in (200, 202), answer.status
        return answer.getheader("mcp-session-id")

    def session(self):
        session = self.post(INITIALIZE)
        self.post(INITIALIZED, session)
        return session

    def abandon(self, method, body=None, session=None):
        """Sends a request and leaves without reading the answer."""
        headers = {**ACCEPT, "authorization": f"Bearer {KEY}"}
        if session:
            headers["mcp-session-id"] = session
        line = http.client.HTTPConnection("127.0.0.1", self.port)
        line.request(method, "/mcp", body, headers)
        line.sock.recv(16)
        line.close()

    def rss(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def until(self, what, happened, patience=120):
        end = time.time() + patience
        while not happened():
            if time.time() > end:
                raise SystemExit(f"waited for {what}")
            time.sleep(0.1)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def memory(program):
    """Active and parked sessions. Bars: 130 KiB each, and 150 MiB in all for 5,000 that are parked."""
    many = 5000
    gateway = Gateway(program, "max: 6000, per_key: 6000, park_after: 1h, awake: 6000")
    for _ in range(50):
        gateway.post(LIST, gateway.session())
    before, count = gateway.rss(), 1000
    for _ in range(count):
        gateway.post(LIST, gateway.session())
    active = (gateway.rss() - before) / count
    gateway.end()
    print(f"active: {active:.1f} KiB each (RSS without: {before / 1024:.1f} MiB)")

    gateway = Gateway(program, "max: 6000, per_key: 6000, park_after: 1s")
    before = gateway.rss()
    sessions = []
    for _ in range(many):
        sessions.append(gateway.session())
    gateway.until("parked sessions", lambda: gateway.metric('waypost_mcp_sessions{state="parked"}') == many)
    parked = gateway.rss()
    print(f"parked: {many} in {parked / 1024:.1f} MiB in all, {(parked - before) / many:.1f} KiB each")
    began = time.time()
    for session in sessions[:200]:
        gateway.post(LIST, session)
    print(f"woken: {(time.time() - began) / 200 * 1e3:.2f} ms for a first request, each")
    gateway.end()
    return active <= 130 and parked <= 150 * 1024


def soak(program, count):
    """Clients that abandon their sessions. Bars: the cap holds, descriptors flat, memory within 10 % after warm-up."""
    cap = 200
    gateway = Gateway(program, f"max: {cap}, per_key: {cap}, park_after: 1s", store=True)
    rest = lambda: gateway.metric("waypost_mcp_streams") == 0 and gateway.metric('waypost_mcp_sessions{state="active"}') == 0
    warm, began = None, time.time()
    for client in range(count):
        kind = client % 4
        if kind == 0:
            gateway.abandon("POST", INITIALIZE)
        elif kind == 1:
            gateway.abandon("GET", session=gateway.session())
        elif kind == 2:
            gateway.abandon("POST", LIST, gateway.session())
        else:
            gateway.session()
        if client == count // 5:
            gateway.until("rest", rest)
            warm = gateway.rss(), gateway.descriptors()
    gateway.until("rest", rest)
    now = gateway.rss(), gateway.descriptors()
    parked = gateway.metric('waypost_mcp_sessions{state="parked"}')
    print(f"soak: {count} clients in {time.time() - began:.0f} s; sessions {parked:.0f} of {cap}; "
          f"RSS {warm[0]} -> {now[0]} KiB; descriptors {warm[1]} -> {now[1]}")
    gateway.end()
    return parked <= cap and now[0] <= warm[0] * 1.1 and now[1] <= warm[1] + 5


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    program, what = sys.argv[1], sys.argv[2:3]
    good = True
    if what in ([], ["memory"]):
        good &= memory(program)
    if what in ([], ["soak"]):
        good &= soak(program, int(sys.argv[3]) if len(sys.argv) > 3 else 10_000)
    raise SystemExit(0 if good else 1)


main()
