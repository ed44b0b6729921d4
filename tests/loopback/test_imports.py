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
