"""What an operator of the controller may choose, with defaults that suit a cluster of some hundred flows at once."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LeaderElection(BaseModel):
    """One replica writes, the others wait. Seconds; the defaults are client-go's."""

    model_config = ConfigDict(frozen=True)

    enabled: bool = Field(
        True, description="Whether to hold a Lease while working. Off only where one replica is certain."
    )
    name: str = Field("zen-flow-controller", min_length=1, description="Name of the Lease.")
    namespace: str = Field("", description="Namespace of the Lease; the Pod's own, or default, when empty.")
    lease_duration: float = Field(15.0, gt=0, description="Seconds after which a silent leader may be replaced.")
    renew_deadline: float = Field(10.0, gt=0, description="Seconds after which a leader that cannot renew stops.")
    retry_period: float = Field(2.0, gt=0, description="Seconds between attempts to get or renew the Lease.")


class Settings(BaseModel):
    """How the controller runs."""

    model_config = ConfigDict(frozen=True)

    namespaces: tuple[str, ...] = Field((), description="The namespaces to watch; all of them when there is none.")
    workers: int = Field(
        16, ge=1, le=64, description="Flows reconciled at once; a worker spends its time waiting for the API server."
    )
    parallel_writes: int = Field(16, ge=1, le=128, description="Jobs created at once, over all workers.")
    page_size: int = Field(500, ge=1, description="Objects asked for in one page of a list.")
    watch_silence: float = Field(70.0, gt=0, description="Seconds after which a watch without a word is reopened.")
    bind_address: str = Field("0.0.0.0", description="Address of the metrics and health ports.")
    metrics_port: int = Field(8080, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz; 0: none.")
    webhook_port: int = Field(0, ge=0, le=65535, description="Port of the admission webhook; 0: none.")
    certificate: str = Field(
        "", description="File with the webhook's certificate, read again when it changes; self-made when empty."
    )
    private_key: str = Field("", description="File with the webhook's private key.")
    otlp_endpoint: str = Field("", description="Base URL of a collector that gets a trace for each flow that ends.")
    leader_election: LeaderElection = Field(default_factory=LeaderElection)

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if bool(self.certificate) != bool(self.private_key):
            raise ValueError("a certificate and its private key are given together, or neither")
        return self
