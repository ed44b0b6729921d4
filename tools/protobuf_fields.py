"""Write zenflow/local/http/protobuf_fields.json: the field numbers of the built-in resources.

Read from the struct tags of the Go types, of the versions that tests/cluster/go.mod names:

    python -m tools.protobuf_fields > zenflow/local/http/protobuf_fields.json

A message is a map from field number to [JSON name, type]. A type is `string`, `bytes`, `int`, `bool`, one of SPECIAL,
or a message; `*` before it says pointer (an empty value counts), `[]` list, `{}` map with string keys. An empty JSON
name says that the message's fields stand among those of its parent.
"""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ROOTS = {
    "api/core/v1": (
        "Namespace Node Pod ConfigMap Secret PersistentVolumeClaim PersistentVolume Service ServiceAccount Event"
    ),
    "api/batch/v1": "Job",
    "api/coordination/v1": "Lease",
    "api/events/v1": "Event",
    "api/authorization/v1": "SelfSubjectAccessReview",
    "apimachinery/pkg/apis/meta/v1": "DeleteOptions",
}
SPECIAL = {
    "meta/v1.Time": "time",
    "meta/v1.MicroTime": "time",
    "meta/v1.FieldsV1": "json",
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "int-or-string",
    "types.UID": "string",
    "types.NodeName": "string",
}
SCALARS = {"string": "string", "bool": "bool", "byte": "byte"} | dict.fromkeys(
    ("int", "int32", "int64", "uint32"), "int"
)

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
NAMED = re.compile(r"^type (\w+) ([\w.\[\]*]+)$", re.M)
IMPORT = re.compile(r'^\t(?:(\w+) )?"k8s\.io/([\w./-]+)"$', re.M)
FIELD = re.compile(r'^\t(?:\w+ +)?(\S+) +`json:"([^"]*)" [^`\n]*?protobuf:"\w+,(\d+),[^"]*"', re.M)


def short(path: str) -> str:
    """`api/core/v1` and `apimachinery/pkg/apis/meta/v1` become `core/v1` and `meta/v1`."""
    parts = path.split("/")
    return "/".join(parts[-2:]) if re.fullmatch(r"v\d\w*", parts[-1]) else parts[-1]


class Package:
    """The types of one Go package, given by its import path below k8s.io/."""

    def __init__(self, path: str) -> None:
        module, _, rest = path.partition("/")
        source = "\n".join(file.read_text() for file in sorted((folder_of(module) / rest).glob("*types.go")))
        self.name = short(path)
        self.structs = dict(STRUCT.findall(source))
        self.named = dict(NAMED.findall(source))
        self.imports = {alias or imported.split("/")[-1]: imported for alias, imported in IMPORT.findall(source)}

    def message(self, struct: str) -> dict[str, tuple[str, str]]:
        """The fields of a struct that have a number."""
        fields = FIELD.findall(self.structs[struct])
        return {number: (tag.split(",")[0], self.resolve(go_type)) for go_type, tag, number in fields}

    def resolve(self, go_type: str) -> str:
        """A Go type in the notation above."""
        for prefix in ("*", "[]"):
            if go_type.startswith(prefix):
                inner = prefix + self.resolve(go_type.removeprefix(prefix))
                return "bytes" if inner == "[]byte" else inner
        if go_type.startswith("map["):
            return "{}" + self.resolve(go_type.split("]", 1)[1])
        if go_type in SCALARS:
            return SCALARS[go_type]
        if go_type in self.named:
            return self.resolve(self.named[go_type])
        alias, _, name = go_type.rpartition(".")
        if not alias:
            full = f"{self.name}.{name}"
            return SPECIAL.get(full, full)
        path = self.imports[alias]
        full = f"{short(path)}.{name}"
        return SPECIAL.get(full) or package(path).resolve(name)


@cache
def package(path: str) -> Package:
    return Package(path)


@cache
def folder_of(module: str) -> Path:
    """Where Go keeps a module's source; downloaded if it is not there yet."""
    command = ("go", "mod", "download", "-json", f"k8s.io/{module}")
    run = subprocess.run(command, cwd=HERE.parent / "tests" / "cluster", check=True, capture_output=True, text=True)
    return Path(json.loads(run.stdout)["Dir"])


def collect() -> dict[str, dict[str, tuple[str, str]]]:
    """The roots and every message they contain."""
    messages: dict[str, dict[str, tuple[str, str]]] = {}
    homes = {short(path): path for path in ROOTS}
    wanted = [f"{short(path)}.{struct}" for path, structs in ROOTS.items() for struct in structs.split()]
    while wanted:
        name = wanted.pop()
        if name in messages:
            continue
        where, _, struct = name.rpartition(".")
        home = package(homes[where])
        messages[name] = home.message(struct)
        homes |= {short(path): path for path in home.imports.values()}
        bare = (type_.lstrip("*[]{}") for _, type_ in messages[name].values())
        wanted.extend(type_ for type_ in bare if "." in type_)
    return dict(sorted(messages.items()))


def main() -> None:
    json.dump(collect(), sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
