"""Files that people name: what is in them, or one sentence why not."""

from io import BytesIO
from pathlib import Path

import pytest

from zenflow.cli.files import MAX_BYTES, STDIN, BadFile, read, read_one


def refusal(file: Path, content: bytes | None = None) -> str:
    """What is said about a file with this content."""
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadFile) as bad:
        read_one(file, BytesIO())
    return str(bad.value)


def test_every_object_of_every_file_in_order(tmp_path: Path) -> None:
    """Standard input stands where `-` is."""
    first = tmp_path / "first.yaml"
    first.write_text("a: 1\n---\nb: 2\n")
    found = read([first, STDIN], BytesIO(b"c: 3\n"))
    assert [(source.obj, source.place()) for source in found] == [
        ({"a": 1}, f"{first}:1"),
        ({"b": 2}, f"{first}:3"),
        ({"c": 3}, "stdin:1"),
    ]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Some editors write one."""
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_one(file, BytesIO())[0].obj == {"a": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", ": the file is empty; write a JobFlow into it"),
        (b"# nothing yet\n", ": has no objects in it; write a JobFlow into it"),
        (b"a: 1\n" * (2 * 1024 * 1024), ": is bigger than 3 MiB, the most an API server accepts; split it"),
        (b"\x7fELF\0\0", ": is binary and not text; give a YAML or JSON file"),
        (b"a: 1\nb: \xff\n", ":2: is not UTF-8 (byte 0xff); save it as UTF-8"),
        (b"a: 1\na: 2\n", ':2: the key "a" is already set in line 1; remove one of them'),
        (
            b"a: \x1b[31m\n",
            ": is not YAML: unacceptable character #x001b: control characters are not allowed; remove what is no text",
        ),
    ],
    ids=["empty", "comments", "10MB", "binary", "latin-1", "duplicate", "escape"],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    """With the file, the line where there is one, and the remedy."""
    file = tmp_path / "f.yaml"
    assert refusal(file, content) == f"{file}{sentence}"


def test_what_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    """A missing one, and a directory."""
    assert refusal(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: there is no such file; check the path"
    assert refusal(tmp_path) == f"{tmp_path}: is a directory; name its files, such as {tmp_path}/*.yaml"


def test_no_more_is_read_than_could_be_used() -> None:
    """An endless stream is refused, not swallowed."""

    class Endless(BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size > 0
            Endless.taken += size
            return b"a" * size

    with pytest.raises(BadFile, match="bigger than 3 MiB"):
        read_one(STDIN, Endless())
    assert Endless.taken == MAX_BYTES + 1
