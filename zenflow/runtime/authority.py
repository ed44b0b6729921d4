"""Certificates of a webhook that makes and renews them itself, with no Secret: each replica vouches for itself.

A replica makes an authority and a certificate in memory and adds the authority to the caBundle of the webhook
configurations that name it. Before they run out it makes new ones, adds the new authority beside the old, and shows the
new certificate only when every API server must have learnt of it. Knows nothing of what the webhook decides.
"""

import base64
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from zenflow.runtime import certificates
from zenflow.runtime.certificates import Identity
from zenflow.runtime.client import Client, Resource
from zenflow.runtime.clock import Clock
from zenflow.runtime.decoding import decode
from zenflow.runtime.errors import Conflict, RuntimeFault
from zenflow.runtime.reflector import Backoff

MUTATING = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
VALIDATING = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)

# Short, because what a replica that is gone has left in the bundle stays there for as long.
LIFETIME = timedelta(hours=24)
_RENEWED_AT = 2 / 3
# Seconds in which every API server has seen a change of a configuration.
SETTLED_AFTER = 60.0
# The same for the first certificate, which nothing can be shown in the place of.
_KNOWN_AFTER = 2.0
# Seconds between two looks at the configurations: somebody may have replaced them, bundle and all.
CHECK = 60.0


_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose authority it is (unique among living processes) and what must know it."""

    owner: str
    configurations: Sequence[tuple[Resource, str]]
    lifetime: timedelta = LIFETIME


class Keeper:
    """Keeps one replica's certificate valid and known. `step` is called by one thread, `context` by any."""

    def __init__(self, client: Client, terms: Terms, *, clock: Clock, random: Callable[[], float], log: Any) -> None:
        self._client = client
        self._terms = terms
        self._clock = clock
        self._backoff = Backoff(random)
        self._log = log
        self._shown: Identity | None = None
        self._coming: Identity | None = None  # published, but not yet shown
        self._context: ssl.SSLContext | None = None  # of the shown one; replaced whole
        self._published_at: float | None = None  # monotonic; when the newest authority was in every bundle
        self._known_at: float | None = None  # the first time
        self._trouble = ""

    def context(self) -> ssl.SSLContext:
        """For the next handshake. Raises ConnectionError while there is no certificate to show."""
        if self._context is None:
            raise ConnectionError("no certificate yet")
        return self._context

    @property
    def problems(self) -> tuple[str, ...]:
        """Why no API server can trust this replica yet; empty from then on."""
        if self._known_at is not None and self._clock.monotonic() >= self._known_at:
            return ()
        return (f"webhook: {self._trouble or 'its certificate is not known yet'}",)

    def step(self) -> float:
        """Renew and publish what is due; the seconds to wait before the next step. Failures are tried again."""
        try:
            wait = self._advance()
        except Conflict:
            return self._backoff.next()  # another replica was faster
        except (RuntimeFault, ValueError) as fault:  # ValueError: a host that no certificate can name
            self._tell(str(fault))
            return self._backoff.next()
        self._backoff.reset()
        self._trouble = ""
        return wait

    def _advance(self) -> float:
        found = [(resource, self._get(resource, name)) for resource, name in self._terms.configurations]
        self._renew(frozenset(host for _, configuration in found for host in hosts(configuration)))
        for resource, configuration in found:
            self._publish(resource, configuration)
        now = self._clock.monotonic()
        if self._published_at is None:
            self._published_at = now
            self._known_at = self._known_at or now + _KNOWN_AFTER
        if self._coming is not None and now >= self._published_at + SETTLED_AFTER:
            self._show(self._coming)
        return CHECK

    def _get(self, resource: Resource, name: str) -> dict[str, Any]:
        return decode(_decode, self._client.get(resource, name), resource.kind)

    def _renew(self, names: frozenset[str]) -> None:
        newest = self._coming or self._shown
        now = self._clock.now()
        if newest and names <= newest.names and now < newest.made_at + _RENEWED_AT * self._terms.lifetime:
            return
        fresh = certificates.issue(self._terms.owner, names, now, self._terms.lifetime)
        self._published_at = None
        shown = self._shown
        if shown is not None and names <= shown.names and now < shown.expires_at:
            self._coming = fresh
        else:
            self._show(fresh)

    def _show(self, identity: Identity) -> None:
        self._context = identity.context()
        self._shown, self._coming = identity, None
        self._log.info("webhook certificate in use", expires=identity.expires_at.isoformat())

    def _publish(self, resource: Resource, configuration: dict[str, Any]) -> None:
        """Guarded by the version that was read: nobody's authority is lost."""
        ours = [identity for identity in (self._shown, self._coming) if identity is not None]
        is_changed = False
        for webhook in configuration.get("webhooks") or ():
            client = webhook["clientConfig"]
            bundle = base64.b64decode(client.get("caBundle") or "")
            merged = certificates.merge(bundle, ours, self._terms.owner, self._clock.now())
            if merged != bundle:
                client["caBundle"] = base64.b64encode(merged).decode()
                is_changed = True
        if is_changed:
            name = configuration["metadata"]["name"]
            self._client.replace(resource, name, msgspec.json.encode(configuration))
            self._log.info("webhook authority published", kind=resource.kind, configuration=name)

    def _tell(self, trouble: str) -> None:
        """Once for each trouble: it may last."""
        if trouble != self._trouble:
            self._log.warning("webhook certificate not published", error=trouble)
        self._trouble = trouble


def hosts(configuration: dict[str, Any]) -> Iterator[str]:
    """The names by which the API server calls: it verifies the certificate against them."""
    for webhook in configuration.get("webhooks") or ():
        client = webhook["clientConfig"]
        service = client.get("service")
        host = f"{service['name']}.{service['namespace']}.svc" if service else urlsplit(client.get("url", "")).hostname
        if host:
            yield host
