"""Hooks of pytest that show the logs of all processes beside a failure. A suite imports them into its `conftest.py`."""

import pytest

from processes import Program


def pytest_runtest_setup(item):
    for program in Program.running:
        program.mark()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows beside a failure what each process wrote since the test began."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {program.name}", program.tail()) for program in Program.running]
    return report
