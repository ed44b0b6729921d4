"""A pytest plug-in for which a skipped test is a failed one."""

from collections.abc import Generator

import pytest

_RULE = "a skipped test is a test that nobody ran: make it able to run, or take it out. It wanted to skip because: "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips itself, or that is expected to fail, fails."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = _RULE + str(report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So does a module that skips itself while it is collected."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = _RULE + str(report.longrepr)
    return report
