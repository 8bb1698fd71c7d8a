"""Where tool servers that need a model find it when the public listener is not for them: behind TLS, whose certificate
they do not know, and in `waypost mcp`, which has none. Each time with the official `openai` SDK in a server that was told
nothing."""

import asyncio
import datetime
import ipaddress
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client

from conftest import ALICE, KEYS, PYTHON, SERVERS
from federated import ERAS, PATIENCE, Federation, lines
from processes import WAYPOST, until

CONFIG = """
access:
  keys: [{{ name: alice, key: env:WAYPOST_ALICE_KEY }}]
providers:
  sim:
    dialect: simulated
    first_token: 5ms
    tokens_per_second: 4000
    models: {{ small: {{ price: {{ input: 1.0, output: 2.0 }} }} }}
routes:
  cheap: {{ targets: [sim/small] }}
mcp: {{ builtin: false }}
tools:
  near:
    kind: mcp
    command: [{python}, {thinker}, stdio, {notes}]
    cwd: {folder}
    approve: first_use
    model: {{ route: cheap, max_completions: 4 }}
"""

eras = pytest.mark.parametrize("era", ERAS)


def config(folder) -> str:
    notes = folder / "notes.jsonl"
    notes.touch()
    return CONFIG.format(python=PYTHON, thinker=SERVERS / "thinker.py", notes=notes, folder=folder)


def noted(folder) -> dict:
    """What the server noted last: where it found the models, and with which key."""
    return json.loads((folder / "notes.jsonl").read_text().splitlines()[-1])


def status(base_url: str, key: str) -> int:
    """What the models' list answers to a key."""
    request = urllib.request.Request(f"{base_url}/models", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def is_gone(base_url: str) -> bool:
    """Whether nobody listens there."""
    try:
        status(base_url, "anybody")
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    return False


def certificate(folder):
    """A certificate for this machine that nobody has heard of, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).add_extension(names, critical=False)
    made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    written = (folder / "cert.pem", folder / "key.pem")
    written[0].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    written[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return written


class Behind(Federation):
    """A gateway whose public listener has TLS."""

    def __init__(self, folder):
        cert, key = certificate(folder)
        self.trust = ssl.create_default_context(cafile=cert)
        super().__init__(config(folder), folder, KEYS, f"tls: {{ cert: {cert}, key: {key} }}", scheme="https")


@pytest.fixture
def behind(tmp_path):
    gateway = Behind(tmp_path)
    yield gateway
    gateway.stop()


def test_behind_tls_a_program_is_answered_and_trusts_nobody(behind, tmp_path):
    gateway, found = behind, None
    gateway.await_tools(ALICE, "near__summarise")
    for era in ERAS:
        said = None

        def call(era=era):
            async def run():
                nonlocal said
                async with gateway.client(ALICE, era) as client:
                    said = await client.call_tool("near__summarise", {"text": "Ada counts.", "times": 2})

            asyncio.run(run())

        (line,) = gateway.calls_of(call)
        assert not said.is_error and said.content[0].text, said
        record = gateway.operator(f"/admin/requests/{line['request_id']}")
        assert [each["caller"] for each in record["completions"]] == ["alice", "alice"]
        assert record["tool_call"]["cost"] == sum(each["cost"] for each in record["completions"]) > 0
        found = noted(tmp_path)
        # A plain listener on loopback that is neither the public nor the operator's, and for made keys alone.
        where = urllib.parse.urlsplit(found["base_url"])
        assert (where.scheme, where.hostname) == ("http", "127.0.0.1")
        assert where.port not in {urllib.parse.urlsplit(each).port for each in (gateway.url, gateway.admin)}
        for key in (ALICE, found["key"], "wp-nobody-0123456789abcdef"):
            assert status(found["base_url"], key) == 401
    gateway.close()
    assert is_gone(found["base_url"])


async def once_offered(client, tool: str, arguments: dict):
    """The result of a call, as soon as there is such a tool: servers are listed while the gateway already serves.

    The list would not tell: clients keep it for a while."""
    while True:
        try:
            return await client.call_tool(tool, arguments)
        except MCPError as error:
            assert "nknown tool" in str(error), error
            await asyncio.sleep(0.05)


@eras
def test_over_standard_input_its_completions_are_the_calls_and_the_listener_ends_with_it(tmp_path, era):
    (tmp_path / "waypost.yaml").write_text(config(tmp_path))
    log = tmp_path / "stderr.log"
    env = KEYS | {"WAYPOST_API_KEY": ALICE}
    command = StdioServerParameters(
        command=str(WAYPOST), args=["mcp", "--config", str(tmp_path / "waypost.yaml")], env=env, cwd=tmp_path
    )

    async def run(errlog):
        async with Client(stdio_client(command, errlog), mode=era) as client:
            async with asyncio.timeout(PATIENCE):
                said = await once_offered(client, "near__summarise", {"text": "Ada counts.", "times": 2})
            assert not said.is_error and said.content[0].text, said
            found = noted(tmp_path)
            assert found["base_url"].startswith("http://127.0.0.1:")
            for key in (ALICE, found["key"]):
                assert status(found["base_url"], key) == 401
            return found

    with log.open("w") as errlog:
        found = asyncio.run(run(errlog))
    until("the listener is gone", lambda: is_gone(found["base_url"]))

    (called,) = lines(log, message="tool_call", tool="near.summarise")
    assert (called["caller"], called["surface"], called["outcome"]) == ("alice", "stdio", "done")
    assert called["completions"] == 2
    completions = [each for each in lines(log, message="request") if each["surface"] == "chat"]
    assert [each["caller"] for each in completions] == ["alice", "alice"]
    assert {each["request_id"] for each in completions} == {f"{called['request_id']}.{n}" for n in (1, 2)}
    assert Decimal(called["cost_usd"]) == sum(Decimal(each["cost_usd"]) for each in completions) > 0
    assert found["key"] not in log.read_text(errors="replace")
