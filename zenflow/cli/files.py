"""The files a person names, to objects. The only room that opens them; `documents` reads what is inside."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from zenflow.cli.documents import BadText, Document, parse

# What an API server accepts in one request: more could never be applied.
MAX_BYTES = 3 * 1024 * 1024
STDIN = Path("-")


class BadFile(Exception):
    """A file that can't be used. `str` is one sentence: file, line if there is one, why, and what to do."""

    def __init__(self, file: Path, message: str, line: int = 0) -> None:
        super().__init__(f"{place(file, line)}: {message}")
        self.file = file
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Source:
    """One object of one file."""

    file: Path
    document: Document

    @property
    def obj(self) -> Mapping[str, Any]:
        return self.document.obj

    def place(self, field: str = "") -> str:
        """`flow.yaml:12`, the line being that of the field."""
        return place(self.file, self.document.line_of(field))


def place(file: Path, line: int = 0) -> str:
    """A file, and a line in it from 1, as compilers write it."""
    name = "stdin" if file == STDIN else str(file)
    return f"{name}:{line}" if line else name


def read(files: Iterable[Path], stdin: BinaryIO) -> tuple[Source, ...]:
    """Every object of every file, in order; `-` is `stdin`. Raises BadFile at the first that can't be used."""
    return tuple(source for file in files for source in read_one(file, stdin))


def read_one(file: Path, stdin: BinaryIO) -> tuple[Source, ...]:
    """Every object of one file. Raises BadFile."""
    try:
        found = tuple(Source(file, document) for document in parse(_text(file, _bytes(file, stdin))))
    except BadText as bad:
        raise BadFile(file, bad.message, bad.line) from None
    if not found:
        raise BadFile(file, "has no objects in it; write a JobFlow into it")
    return found


def _bytes(file: Path, stdin: BinaryIO) -> bytes:
    """At most one byte more than allowed is read, whatever the size of the file."""
    try:
        with nullcontext(stdin) if file == STDIN else file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadFile(file, "there is no such file; check the path") from None
    except IsADirectoryError:
        raise BadFile(file, f"is a directory; name its files, such as {file}/*.yaml") from None
    except OSError as error:
        raise BadFile(file, f"can't be read ({error.strerror}); check its permissions") from None
    if len(raw) > MAX_BYTES:
        raise BadFile(file, "is bigger than 3 MiB, the most an API server accepts; split it")
    return raw


def _text(file: Path, raw: bytes) -> str:
    if b"\0" in raw:
        raise BadFile(file, "is binary and not text; give a YAML or JSON file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadFile(file, f"is not UTF-8 (byte 0x{raw[error.start]:02x}); save it as UTF-8", line) from None
