"""What a fresh interpreter loads."""

import subprocess
import sys

import pytest

PROBE = """
import importlib, pkgutil, sys
import zenflow.runtime
for module in pkgutil.iter_modules(zenflow.runtime.__path__):
    importlib.import_module(f"zenflow.runtime.{module.name}")
print(*sys.modules)
"""


@pytest.mark.parametrize("package", ["kubernetes", "pydantic"])
def test_the_runtime_does_not_load(package: str) -> None:
    """The kubernetes package is loaded with the first KubeTransport, and pydantic belongs to the api."""
    loaded = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout.split()
    assert "zenflow.runtime.transport" in loaded
    assert package not in loaded


@pytest.mark.parametrize("package", ["opentelemetry", "cryptography"])
def test_the_controller_loads_only_when_asked(package: str) -> None:
    """For traces, and for certificates of its own: most controllers can do without their memory."""
    probe = "import sys, zenflow.controller.service; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    assert "zenflow.controller.otlp" in loaded
    assert package not in loaded


def test_traces_without_opentelemetry_are_refused_in_one_sentence() -> None:
    """It is an extra of the package: whoever asks for traces is told what to install."""
    probe = """
import sys
sys.modules["opentelemetry.sdk.trace"] = None  # as if it were not installed
from zenflow.controller import otlp
from zenflow.runtime.errors import Unconfigured
try:
    otlp.sender("http://127.0.0.1:1")
except Unconfigured as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert said == "traces need OpenTelemetry: pip install 'zenflow[otel]' (opentelemetry.sdk.trace is missing)\n"
