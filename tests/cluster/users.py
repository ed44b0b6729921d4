"""The users of a test cluster, one for each actor, so that the audit log and RBAC tell them apart."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import yaml

MASTERS = "system:masters"
# Parts of the cluster; the audit log leaves them out.
COMPONENTS = {
    "controller-manager": MASTERS,
    "scheduler": MASTERS,
    "kubelet": MASTERS,
    "kube-proxy": MASTERS,
    "kwok": MASTERS,
}
# alice and bob may do nothing until a test says what; watcher only looks.
PEOPLE = {"admin": MASTERS, "zenflow": MASTERS, "floor": MASTERS, "watcher": MASTERS, "alice": "", "bob": ""}


@dataclass(frozen=True)
class Users:
    """Token file and kubeconfigs in one folder. Tokens are new for each cluster."""

    folder: Path

    @property
    def token_file(self) -> Path:
        return self.folder / "tokens.csv"

    def create(self) -> None:
        """Write the token file that kube-apiserver reads at its start."""
        everyone = COMPONENTS | PEOPLE
        lines = [f'{secrets.token_hex(16)},{name},{name},"{group}"' for name, group in everyone.items()]
        self.token_file.touch(mode=0o600)
        self.token_file.write_text("\n".join(lines) + "\n")

    def token(self, user: str) -> str:
        lines = (line.split(",") for line in self.token_file.read_text().splitlines())
        return next(token for token, name, *_ in lines if name == user)

    def kubeconfig(self, user: str, server: str, authority: Path) -> Path:
        """A kubeconfig of one user, written when first asked for. `authority` signs the server's certificate."""
        path = self.folder / f"{user}.kubeconfig"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(
                yaml.safe_dump(
                    {
                        "apiVersion": "v1",
                        "kind": "Config",
                        "current-context": user,
                        "clusters": [
                            {"name": "test", "cluster": {"server": server, "certificate-authority": str(authority)}}
                        ],
                        "users": [{"name": user, "user": {"token": self.token(user)}}],
                        "contexts": [
                            {"name": user, "context": {"cluster": "test", "user": user, "namespace": "default"}}
                        ],
                    },
                    sort_keys=False,
                )
            )
        return path
