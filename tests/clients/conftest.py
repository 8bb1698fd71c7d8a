"""What the Python suites share: gateways, clients, and the logs of all processes beside a failure."""

import pathlib
import uuid

import pytest

import keys
from clients import anthropic_client, openai_client
from logs import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401 (pytest finds them here)
from processes import Gateway
from scripted import Scripted

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def gateway(tmp_path):
    """The gateway of `gateway.yaml`, one for each test: it remembers how its targets have been, and a fault that one
    test asks for must not be met by another."""
    program = Gateway((HERE / "gateway.yaml").read_text(), tmp_path, env=keys.ENVIRONMENT)
    yield program
    program.close()


@pytest.fixture
def start_gateway(tmp_path):
    """Starts a gateway of the test's own, for faults in order and exact counts. No keys: loopback is open."""
    started = []

    def start(config: str) -> Gateway:
        started.append(Gateway(config, tmp_path, name=f"waypost-{len(started)}"))
        return started[-1]

    yield start
    for program in started:
        program.close()


@pytest.fixture
def scripted():
    """Starts providers that answer what the test says."""
    started = []

    def start() -> Scripted:
        started.append(Scripted())
        return started[-1]

    yield start
    for provider in started:
        provider.close()


@pytest.fixture
def client(gateway):
    with openai_client(gateway) as client:
        yield client


@pytest.fixture
def claude(gateway):
    with anthropic_client(gateway) as client:
        yield client


@pytest.fixture
def request_id():
    """An id to find a request again whose answer, and so whose headers, never came."""
    return f"test-{uuid.uuid4()}"
