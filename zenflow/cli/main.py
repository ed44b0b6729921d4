"""The command line: names, options and help. Each command imports what it needs when it is called,
so that `--help` and `lint` answer at once and never load a Kubernetes client.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="zenflow",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""
DAG workflows for Kubernetes out of nothing but native batch/v1 Jobs.

Try a flow on this machine, with no cluster: `zenflow run examples/simple-pipeline.yaml`

Play with a cluster of your own and kubectl: `zenflow local`

Run the controller of a real cluster: `zenflow crd | kubectl apply -f - && zenflow controller`

Also a kubectl plug-in: `kubectl zenflow …`
""",
)

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]
Executor = Literal["process", "podman", "docker"]
Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="YAML or JSON files; `-` is standard input.")]


@app.command("run")
def run_command(  # noqa: PLR0913 - one parameter an option
    files: Files,
    *,
    approve: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP", help="Approve this Manual step as soon as it is reached; `all` for every one."),
    ] = None,
    executor: Annotated[
        Executor, typer.Option(help="What runs containers: plain processes, or the images' own in an engine.")
    ] = "process",
    workdir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep volumes and logs here [default: removed at the end].")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Cancel what still runs after this long, such as 10m.")
    ] = None,
    output: Annotated[
        Literal["yaml", "json"] | None, typer.Option("-o", "--output", help="Print the final flows to stdout.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="No step logs and no progress, only the outcome.")
    ] = False,
) -> None:
    """Run flows on this machine, to the end, with nothing installed.

    The files' JobFlows (and the ConfigMaps, Secrets and claims beside them) go into a cluster inside this process,
    worked by the same controller as on a real one. Containers' commands run as processes of this machine,
    **with your rights and your files**; `--executor podman` runs their images instead.

    Examples:

        zenflow run examples/simple-pipeline.yaml

        zenflow run --approve approve-migration --timeout 10m migration.yaml

        zenflow run -q -o json etl.yaml | jq .status.progress

    Exit status: 0 every flow Succeeded, 1 a flow Failed, 2 a file is wrong (nothing was run), 130 cancelled.
    """
    from zenflow.cli import run

    options = run.Options(
        files=tuple(files),
        approve=frozenset(approve or ()),
        executor=executor,
        workdir=workdir,
        timeout=timeout,
        output=output,
        quiet=quiet,
    )
    raise typer.Exit(run.run(options))


@app.command("local")
def local_command(
    *,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the kubeconfig [default: in ~/.cache/zenflow]."),
    ] = None,
    executor: Annotated[Executor, typer.Option(help="What runs containers.")] = "process",
    workdir: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep volumes and logs here.")] = None,
    controller: Annotated[bool, typer.Option(help="Run the controller too.")] = True,
) -> None:
    """Serve a cluster of your own on this machine, for kubectl, until Ctrl-C.

    It listens on 127.0.0.1 only, wants a token (it is in the kubeconfig), knows JobFlows, Jobs, Pods and what they
    need, and forgets everything when it ends.

    Examples:

        zenflow local

        zenflow local --no-controller    (then `zenflow controller` in another terminal)
    """
    from zenflow.cli import local

    raise typer.Exit(local.serve(port, kubeconfig, executor, workdir, with_controller=controller))


@app.command("controller")
def controller_command(  # each is a flag  # noqa: PLR0913
    *,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The cluster [default: $KUBECONFIG, else the one it runs in, else ~/.kube/config]."
        ),
    ] = None,
    context: Annotated[str | None, typer.Option(help="A context of the kubeconfig.")] = None,
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--watch-namespace",
            "--namespace",
            "-n",
            metavar="NAME",
            envvar="ZENFLOW_NAMESPACE",
            help="Watch only this one; may be given several times [default: all of them].",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Flows reconciled at once.")] = 16,
    bind_address: Annotated[str, typer.Option(help="Address of the ports below.")] = "0.0.0.0",
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="/metrics, /healthz and /readyz; 0: none.")
    ] = 8080,
    webhook_port: Annotated[int, typer.Option(min=0, max=65535, help="The admission webhook; 0: none.")] = 0,
    certificate: Annotated[
        str, typer.Option(metavar="FILE", help="The webhook's certificate [default: self-made, renewed by itself].")
    ] = "",
    private_key: Annotated[str, typer.Option(metavar="FILE", help="The webhook's private key.")] = "",
    leader_elect: Annotated[bool, typer.Option(help="Hold a Lease, so that several replicas may run.")] = True,
    lease_name: Annotated[
        str, typer.Option(help="Name of the Lease: the same for the replicas of one installation.")
    ] = "zen-flow-controller",
    lease_namespace: Annotated[
        str, typer.Option(help="Where the Lease is [default: the Pod's namespace, else default].")
    ] = "",
    otlp_endpoint: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Gets a trace of each flow that ends, by OTLP over HTTP [default: $OTEL_EXPORTER_OTLP_ENDPOINT].",
        ),
    ] = "",
    log_format: Annotated[LogFormat, typer.Option(help="For machines or for people.")] = "json",
    log_level: Annotated[LogLevel, typer.Option(help="The least that is logged.")] = "info",
) -> None:
    """Run the controller of a real cluster, until SIGTERM or Ctrl-C.

    The CRD must be there: zenflow crd | kubectl apply --server-side -f -

    Examples:

        zenflow controller --log-format console

        zenflow controller --kubeconfig prod.yaml --watch-namespace data --watch-namespace etl
    """
    from zenflow.cli import controller
    from zenflow.controller.settings import LeaderElection, Settings

    if bool(certificate) != bool(private_key):
        raise typer.BadParameter("give both or none", param_hint="--certificate and --private-key")
    settings = Settings(
        namespaces=tuple(dict.fromkeys(namespaces or ())),
        workers=workers,
        bind_address=bind_address,
        metrics_port=metrics_port,
        webhook_port=webhook_port,
        certificate=certificate,
        private_key=private_key,
        otlp_endpoint=otlp_endpoint,
        leader_election=LeaderElection(enabled=leader_elect, name=lease_name, namespace=lease_namespace),
    )
    status = controller.run(
        settings, kubeconfig=kubeconfig, context=context, log_format=log_format, log_level=log_level
    )
    raise typer.Exit(status)


@app.command("lint")
def lint_command(
    files: Files,
    *,
    server: Annotated[
        bool, typer.Option("--server", help="Ask a cluster too, by dry run, for each flow and each of its Jobs.")
    ] = False,
    kubeconfig: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --server: the cluster [default: as kubectl finds it].")
    ] = None,
    context: Annotated[str | None, typer.Option(help="With --server: a context of the kubeconfig.")] = None,
    namespace: Annotated[
        str,
        typer.Option("--namespace", "-n", help="With --server: of flows that name none [default: the context's]."),
    ] = "",
) -> None:
    """Say everything that is wrong with flows, before a cluster does.

    Each problem is one line: file, flow, field, value, and what to write instead. Without --server no cluster is asked.
    Exit status: 0 all are good, 2 something is wrong.

    Examples:

        zenflow lint examples/*.yaml

        zenflow lint --server --context staging -n etl nightly.yaml
    """
    from zenflow.cli import lint

    if not server and (kubeconfig or context or namespace):
        raise typer.BadParameter("give --server too", param_hint="--kubeconfig, --context, --namespace")
    raise typer.Exit(lint.run(files, server=lint.connect(kubeconfig, context, namespace) if server else None))


@app.command("crd")
def crd_command(
    *,
    policies: Annotated[bool, typer.Option("--policies", help="The admission policies instead of the CRD.")] = False,
    webhooks: Annotated[
        bool, typer.Option("--webhooks", help="The webhook configurations instead of the CRD.")
    ] = False,
    service: Annotated[
        str, typer.Option(metavar="NAMESPACE/NAME", help="With --webhooks: the Service of the controller's webhook.")
    ] = "zen-flow-system/zen-flow-webhook",
    url: Annotated[
        str,
        typer.Option(help="With --webhooks: where the webhook is outside of the cluster, such as https://host:9443."),
    ] = "",
) -> None:
    """Print the CustomResourceDefinition, or what goes with it, for kubectl.

    Examples:

        zenflow crd | kubectl apply --server-side -f -

        zenflow crd --policies | kubectl apply -f -

        zenflow crd --webhooks --service zen-flow-system/zen-flow-webhook | kubectl apply -f -
    """
    from zenflow.cli import crd

    if policies and webhooks:
        raise typer.BadParameter("one of --policies and --webhooks at a time")
    if service.count("/") != 1:
        raise typer.BadParameter("a Service is NAMESPACE/NAME", param_hint="--service")
    if webhooks:
        typer.echo(crd.webhooks_text(service=service, url=url), nl=False)
    else:
        typer.echo(crd.text(policies=policies), nl=False)


@app.command("graph")
def graph_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML or JSON file; `-` is standard input.")],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a mermaid diagram, for Markdown.")] = False,
) -> None:
    """Draw the steps of the flows in a file.

    Examples:

        zenflow graph examples/simple-pipeline.yaml

        zenflow graph --mermaid etl.yaml
    """
    from zenflow.cli import graph

    raise typer.Exit(graph.run(file, mermaid=mermaid))


@app.command("version")
def version_command() -> None:
    """Print the version."""
    from importlib.metadata import version

    typer.echo(f"zenflow {version('zenflow')}")


def run() -> None:
    """The entry point of `zenflow` and of `kubectl zenflow`."""
    name = Path(sys.argv[0]).name
    try:
        app(prog_name="kubectl zenflow" if name.startswith("kubectl") else "zenflow")
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone. Python would complain when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
