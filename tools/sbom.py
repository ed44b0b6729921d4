"""Prints what is in an image, as CycloneDX JSON: the Python packages of an environment and Debian's own.

    python tools/sbom.py SITE_PACKAGES [DPKG_STATUS]

Run by the Dockerfile, with nothing but the standard library. The same packages give the same bytes: it holds no time
and no serial number.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import quote

Component = dict[str, object]
SUBJECT = "zenflow"


def python_packages(folders: Iterable[str]) -> Iterator[Component]:
    """The distributions installed in some site-packages folders."""
    for found in distributions(path=list(folders)):
        yield python_package(found)


def python_package(found: Distribution) -> Component:
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    component = library(name, found.version, f"pkg:pypi/{name}@{quote(found.version)}")
    expression = found.metadata.get("License-Expression")
    return {**component, **({"licenses": [{"expression": expression}]} if expression else {})}


def debian_packages(status: str) -> Iterator[Component]:
    """The packages that a dpkg status file says are installed."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", paragraph, re.M))
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{name}@{quote(version)}?arch={fields['Architecture']}"
            yield library(name, version, purl)


def library(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def document(components: Iterable[Component]) -> dict[str, object]:
    """A bill of materials whose subject is the one component named zenflow."""
    ordered = sorted(components, key=lambda component: str(component["purl"]))
    subject = next((each for each in ordered if each["name"] == SUBJECT), None)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**subject, "type": "application"}} if subject else {},
        "components": [each for each in ordered if each is not subject],
    }


def main(folders: str, status: str = "/var/lib/dpkg/status") -> None:
    """`folders` are joined by `:`. A base that is no Debian has no status file, and no packages of its own here."""
    debian = Path(status).read_text() if Path(status).exists() else ""
    bill = document((*python_packages(folders.split(":")), *debian_packages(debian)))
    print(json.dumps(bill, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
