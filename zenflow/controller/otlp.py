"""Traces to a collector by OTLP over HTTP: the one room that knows OpenTelemetry, imported only where it is asked for.

What is not said here (headers, certificates, time-outs, compression, resource attributes) is taken from the standard
OTEL_* variables by the SDK itself.
"""

import os
from collections.abc import Callable
from importlib.metadata import version

from zenflow.controller.traces import Span, Trace
from zenflow.runtime.errors import Unconfigured

_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TOGETHER = 512  # spans in one request: a flow of 2,000 steps is a few of them
TIMEOUT = 10.0  # seconds for one request, repetitions included


def is_wanted(endpoint: str) -> bool:
    """Whether traces are to be sent, by flag or by environment."""
    return bool(endpoint) or any(os.environ.get(name) for name in _VARIABLES)


def sender(endpoint: str) -> Callable[[Trace], bool]:
    """What sends a trace and says whether it was taken. `endpoint` is a base URL; empty: that of the environment.

    Raises Unconfigured where the packages are missing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.trace.export import SpanExportResult
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
    except ImportError as error:
        raise Unconfigured(
            f"traces need OpenTelemetry: pip install 'zenflow[otel]' ({error.name} is missing)"
        ) from error

    timeout = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else TIMEOUT
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None, timeout=timeout)
    release = version("zenflow")
    resource = Resource.create(
        {"service.name": os.environ.get("OTEL_SERVICE_NAME", "zen-flow"), "service.version": release}
    )
    scope = InstrumentationScope("zenflow", release)

    def context(trace: Trace, span_id: int) -> SpanContext:
        return SpanContext(trace.id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def readable(trace: Trace, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=context(trace, span.id),
            parent=None if span.parent is None else context(trace, span.parent),
            resource=resource,
            attributes=span.attributes,
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.failure) if span.failure else Status(StatusCode.OK),
            start_time=int(span.start.timestamp() * 1e9),
            end_time=int(span.end.timestamp() * 1e9),
            instrumentation_scope=scope,
        )

    def send(trace: Trace) -> bool:
        spans = [readable(trace, span) for span in trace.spans]
        parts = (spans[at : at + _TOGETHER] for at in range(0, len(spans), _TOGETHER))
        return all(exporter.export(part) is SpanExportResult.SUCCESS for part in parts)

    return send
