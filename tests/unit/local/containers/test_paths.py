"""Container paths in text become real ones, and nothing else does."""

import pytest

from zenflow.local.containers.paths import Rewriter

PLACES = {"/data": "/real/d", "/data/in": "/real/i", "/dev/termination-log": "/real/t", "/slash/": "/real/s"}


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/data", "/real/d"),
        ("cat /data/x > /data/y", "cat /real/d/x > /real/d/y"),
        ("/data/in/x", "/real/i/x"),
        ("--dir=/data", "--dir=/real/d"),
        ("'/data' \"/data\"", "'/real/d' \"/real/d\""),
        ("a:/data:ro", "a:/real/d:ro"),
        ("echo no >/dev/termination-log", "echo no >/real/t"),
        ("/slash/x", "/real/s/x"),
        ("/database /data-old /data.bak", "/database /data-old /data.bak"),
        ("/var/data ./data $HOME/data ${X}/data ~/data", "/var/data ./data $HOME/data ${X}/data ~/data"),
        ("http://host/data", "http://host/data"),
        ("${OUT:-/data}", "${OUT:-/real/d}"),
        ("tar -C/data x", "tar -C/real/d x"),
        ("-C/data", "-C/real/d"),
        ("file:///data/x", "file:///real/d/x"),
    ],
)
def test_only_whole_container_paths_are_replaced(text: str, rewritten: str) -> None:
    """A path starts where no other goes on, and ends with a segment; the longest mount wins."""
    assert Rewriter(PLACES).rewrite(text) == rewritten


def test_without_places_nothing_is_replaced() -> None:
    """A container without mounts keeps its command."""
    assert Rewriter({}).rewrite("cat /data") == "cat /data"


def test_a_root_mount_replaces_nothing() -> None:
    """Every path lies below `/`: replacing it would break every command."""
    assert Rewriter({"/": "/real"}).rewrite("ls /etc") == "ls /etc"
