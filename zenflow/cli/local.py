"""`zenflow local`: a cluster of one's own for kubectl, for as long as it runs."""

import os
import shlex
from pathlib import Path

from zenflow.cli import home, screen
from zenflow.cli.engine import CONTROLLER_USER, Engine, controller
from zenflow.cli.interrupts import Interrupts
from zenflow.cli.plan import Refused
from zenflow.local.cluster import LocalCluster
from zenflow.local.http import kubeconfig
from zenflow.local.http.server import HttpServer
from zenflow.runtime import logs
from zenflow.runtime.clock import SystemClock

OK, UNUSABLE = 0, 2
# Nothing needs to be drawn: this only bounds how long a round, or a wait, may keep a signal waiting.
PATIENCE = 0.5


def serve(port: int, path: Path | None, executor: str, workdir: Path | None, *, with_controller: bool) -> int:
    """Serve until a signal; the exit status of the command. `path` is where the kubeconfig goes."""
    logs.configure("console", "info" if with_controller else "warning")
    target = (path or default_path()).resolve()
    try:
        cluster = home.build(executor, workdir)
        try:
            return _serve(cluster, port, target, with_controller=with_controller)
        finally:
            cluster.stop()
    except Refused as refused:
        for sentence in refused.sentences:
            screen.fail(sentence)
        return UNUSABLE


def default_path() -> Path:
    """`$XDG_CACHE_HOME/zenflow/kubeconfig`, by default under `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zenflow" / "kubeconfig"


def _serve(cluster: LocalCluster, port: int, path: Path, *, with_controller: bool) -> int:
    clock = SystemClock()
    try:
        server = HttpServer(cluster.api, clock=clock, port=port)
    except OSError as error:
        raise Refused([f"--port {port}: {error.strerror}; choose another one, or 0 for any free one"]) from None
    app = controller(cluster.api.as_user(CONTROLLER_USER), clock) if with_controller else None
    engine = Engine(cluster, app, clock)
    server.start()
    try:
        kubeconfig.write(path, kubeconfig.build(server.url, server.certificate, server.token))
        print(_welcome(server.url, path, with_controller=with_controller), flush=True)
        with Interrupts() as interrupts:
            while not interrupts.signal:
                engine.settle(PATIENCE)
                engine.wait(PATIENCE)
        return OK
    except KeyboardInterrupt:
        return OK
    except OSError as error:
        raise Refused(
            [f"{path}: the kubeconfig can't be written ({error.strerror}); choose another --kubeconfig"]
        ) from None
    finally:
        engine.close()
        server.stop()
        _remove(path, server.url)


def _remove(path: Path, url: str) -> None:
    """A kubeconfig that leads nowhere would only puzzle; one that another `zenflow local` has written stays."""
    if path.exists() and url in path.read_text(encoding="utf-8"):
        path.unlink()


def _welcome(url: str, path: Path, *, with_controller: bool) -> str:
    quoted = shlex.quote(str(path))
    next_ = "" if with_controller else "\n  zenflow controller --metrics-port 0 --no-leader-elect"
    return f"""zenflow local serves {url} until Ctrl-C, and then forgets everything.
JobFlows are known here. In another terminal, type:

  export KUBECONFIG={quoted}{next_}
  kubectl apply -f examples/simple-pipeline.yaml
  kubectl get jobflow simple-pipeline --watch
  kubectl describe jobflow simple-pipeline
  kubectl get jobs -l jobflow=simple-pipeline
  kubectl logs -l workflow.zen.io/step=step1
"""
