"""A real PostgreSQL with two tables, and the role that `waypost postgres-role` makes."""

import glob
import os
import pathlib
import shutil
import subprocess
import tempfile

import pg8000.native

from processes import QUIET, WAYPOST, free_ports, until

ORDERS = """
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, amount numeric(10,2));
CREATE TABLE secrets (word text);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace');
INSERT INTO orders VALUES (1, 1, 10.50), (2, 1, 20.00), (3, 2, 5.25);
INSERT INTO secrets VALUES ('CANARY');
"""


def programs() -> pathlib.Path:
    """The folder of `initdb` and `postgres`."""
    named = [os.environ.get("WAYPOST_TEST_PG_BIN", "")] + os.environ["PATH"].split(":")
    for place in named + glob.glob("/usr/lib/postgresql/*/bin"):
        if place and os.path.exists(f"{place}/initdb") and os.path.exists(f"{place}/postgres"):
            return pathlib.Path(place)
    raise AssertionError("these tests need PostgreSQL: install it, or run tests/run, which fetches it")


class Database:
    """A server of its own, gone with `close`."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waypost-mcp-pg-"))
        (self.port,) = free_ports(1)
        # PostgreSQL refuses root, so there it runs as `nobody`.
        as_root = os.getuid() == 0
        self.user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] if as_root else []
        if as_root:
            os.chown(self.folder, 65534, 65534)
        libraries = os.environ.get("WAYPOST_TEST_PG_LIB")
        self.env = QUIET | ({"LD_LIBRARY_PATH": libraries} if libraries else {})
        data = str(self.folder / "data")
        options = ["--no-sync", "--no-locale", "--encoding=UTF8", "--username=postgres", "--auth=trust", "-D", data]
        self.run(str(programs() / "initdb"), *options)
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", str(self.folder)]
        command = [*self.user, str(programs() / "postgres"), "-D", data, "-p", str(self.port), *settings]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.server = subprocess.Popen(command, cwd="/", env=self.env, **quiet)
        until("PostgreSQL answers", self.answers, 30)
        role = subprocess.run(
            [WAYPOST, "postgres-role", "--database", "postgres", "--table", "orders", "--table", "customers"],
            capture_output=True, text=True, check=True,
        )
        self.script(ORDERS)
        self.script(role.stdout)
        self.url = f"postgres://waypost_reader@127.0.0.1:{self.port}/postgres"

    def run(self, *command: str):
        subprocess.run([*self.user, *command], cwd="/", env=self.env, capture_output=True, check=True)

    def connect(self):
        return pg8000.native.Connection("postgres", host="127.0.0.1", port=self.port, database="postgres")

    def answers(self) -> bool:
        try:
            self.connect().close()
            return True
        except Exception:
            return False

    def script(self, text: str):
        connection = self.connect()
        connection.execute_simple(text)
        connection.close()

    def close(self):
        self.server.terminate()
        self.server.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
