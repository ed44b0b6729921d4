"""The API server's own schema of Jobs, which templates are checked against; read when it is new, never for a flow.

A server may be newer than this release, or a flow older than the server: what a Job may hold is the server's to say.
Where it doesn't say (no right to read `/openapi/v3`, a document that can't be read) the schema that is shipped serves.
"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from zenflow.api import job_schema, openapi
from zenflow.api.job_schema import JobSchema
from zenflow.api.openapi import NoSchema
from zenflow.runtime.client import Client
from zenflow.runtime.errors import ApiError, RuntimeFault, ServerFault, TooManyRequests, Unreachable

INDEX = "/openapi/v3"
GROUP_VERSION = "apis/batch/v1"

LOOK_AGAIN = 600.0  # seconds: a server is upgraded less often
# Seconds between the first tries where the server gives no answer: a minute in all, then flows wait no longer.
_RETRIES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


class JobSchemas:
    """Holds the newest schema. `step` is a chore of one thread; whoever asks for the schema waits for no request."""

    def __init__(self, client: Client, *, log: Any) -> None:
        self._client = client
        self._log = log
        self._schema: JobSchema | None = None  # replaced as a whole, so readers need no lock
        self._source = ""
        self._failures = 0

    @property
    def known(self) -> JobSchema | None:
        """The schema; None until the API server has been asked for the first time."""
        return self._schema

    def current(self) -> JobSchema:
        """The schema. Raises Unreachable until the API server has been asked: a verdict on a flow is final."""
        if self._schema is None:
            raise Unreachable("the API server's schema of Jobs has not been read yet")
        return self._schema

    def step(self) -> float:
        """Read the server's schema if it has changed; the seconds until the next look. Raises no RuntimeFault."""
        try:
            self._refresh()
        except (Unreachable, ServerFault, TooManyRequests) as fault:
            self._failures += 1
            if self._schema is None and self._failures <= len(_RETRIES):
                return _RETRIES[self._failures - 1]
            self._settle(fault)
        except (RuntimeFault, NoSchema) as error:
            self._settle(error)
        return LOOK_AGAIN

    def _refresh(self) -> None:
        source = _source(_decode(self._client.read(INDEX)))
        if source == self._source:
            return
        url = urlsplit(source)
        document = _decode(self._client.read(url.path, tuple(parse_qsl(url.query))))
        self._schema = JobSchema(openapi.definitions(document))
        self._source, self._failures = source, 0
        self._log.info("job schema read", path=url.path)

    def _settle(self, error: Exception) -> None:
        """For what we have, or for the schema that is shipped."""
        why = error.message if isinstance(error, ApiError) else str(error)
        self._log.warning(
            "job schema not read", error=why, serves="shipped" if not self._source else "the last one read"
        )
        self._schema = self._schema or job_schema.shipped()


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NoSchema(f"it is no JSON that can be read: {type(error).__name__} {error}") from None


def _source(index: Any) -> str:
    """Where the index says that the document of batch/v1 is; its hash is part of it."""
    try:
        return str(index["paths"][GROUP_VERSION]["serverRelativeURL"])
    except (KeyError, TypeError) as error:
        raise NoSchema(f"the index names no document of {GROUP_VERSION}: {type(error).__name__} {error}") from None
