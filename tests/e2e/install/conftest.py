"""The cluster for tests of the image and the chart.

One of its own: the controller of other tests works on all namespaces from outside the cluster, and two with different
Leases would both work on the same flows. It ends with the last test here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster import controller_image
from tests.cluster.node import Node
from tests.conftest import started
from tests.e2e.install.helm import Helm
from tests.e2e.install.site import Site


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """A Helm without a cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Our own node tier with the controller's image on it, and the witness."""
    image = controller_image.ensure()
    with contextmanager(started)(request, node=True) as control_plane:
        Node(control_plane).load(image)
        site = Site(control_plane, tmp_path_factory.mktemp("install"))
        site.recorder.start()
        try:
            yield site
        finally:
            site.recorder.stop()
