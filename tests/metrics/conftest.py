"""What these suites share: one demo and one Prometheus for all tests, since they only look."""

import pytest

from stack import Demo, Neighbour, Prometheus


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    program = Demo(tmp_path_factory.mktemp("demo"))
    yield program
    code = program.stop()
    assert code == 0, f"the demo ended with code {code}:\n{program.tail()}"


@pytest.fixture(scope="session")
def neighbour(tmp_path_factory):
    program = Neighbour(tmp_path_factory.mktemp("neighbour"))
    yield program
    program.stop()


@pytest.fixture(scope="session")
def prometheus(demo, neighbour, tmp_path_factory):
    program = Prometheus([demo.admin, neighbour.admin], tmp_path_factory.mktemp("prometheus"))
    yield program
    program.stop()
