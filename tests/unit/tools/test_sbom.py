"""The bill of materials of the image (tools/sbom.py)."""

import json
import sysconfig

from tests.support.program import ROOT
from tools import sbom

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12+deb13u1
Description: GNU C Library: Shared libraries
 one more line: Version: 9

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0
"""


def test_debian_s_installed_packages_are_listed_and_no_others() -> None:
    (component,) = sbom.debian_packages(STATUS)
    assert component["version"] == "2.41-12+deb13u1"
    assert component["purl"] == "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64"


def test_the_application_is_the_subject_and_not_a_component() -> None:
    ours = sbom.library("zenflow", "0.1.0", "pkg:pypi/zenflow@0.1.0")
    other = sbom.library("msgspec", "0.22.0", "pkg:pypi/msgspec@0.22.0")
    bill = sbom.document([ours, other])
    assert bill["metadata"] == {"component": {**ours, "type": "application"}}
    assert bill["components"] == [other]


def test_the_same_packages_give_the_same_document() -> None:
    """In whatever order they are found."""
    parts = [*sbom.debian_packages(STATUS), sbom.library("a", "1", "pkg:pypi/a@1")]
    assert json.dumps(sbom.document(parts)) == json.dumps(sbom.document(reversed(parts)))


def test_every_package_of_an_environment_is_listed() -> None:
    """This one: all that the lock file pins for running is in it."""
    found = {(each["name"], each["version"]) for each in sbom.python_packages([sysconfig.get_path("purelib")])}
    lines = (ROOT / "requirements" / "runtime.txt").read_text().splitlines()
    pins = {tuple(line.split(" ")[0].split("==")) for line in lines if "==" in line and not line.startswith(" ")}
    assert pins
    assert pins <= found
