"""A small collector of traces: OTLP over HTTP on 127.0.0.1, decoded with OpenTelemetry's own messages."""

import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Keeps every span it gets, by trace id."""

    def __init__(self) -> None:
        self.traces: dict[bytes, list[Any]] = defaultdict(list)
        self.resources: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if self.path == "/v1/traces":
                    outer._take(ExportTraceServiceRequest.FromString(body))

            def log_message(self, *arguments: object) -> None:
                """The test shows what it needs."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)  # noqa: TID251 - a server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def named(self, flow: str) -> list[list[Any]]:
        """All traces whose root has that name."""
        return [
            spans for spans in list(self.traces.values()) if any(s.name == flow and not s.parent_span_id for s in spans)
        ]

    def _take(self, request: Any) -> None:
        for resource in request.resource_spans:
            self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                self.traces[span.trace_id].append(span)
