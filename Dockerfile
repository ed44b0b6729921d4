# The controller's image: `docker build .` anywhere. The process needs no shell, no root and no writable disk.
#
# BASE must have Python 3.11 or newer with the venv module as `python3`. The release workflow resolves its digest and
# records it in the image. Behind a mirror: --build-arg PIP_INDEX_URL=… . Without a network: --build-context
# wheels=FOLDER --build-arg PIP_NO_INDEX=1, where FOLDER holds what `make wheels` downloads.
ARG BASE=python:3.13-slim-trixie

# Stands in for a folder of wheels: pip finds none here.
FROM scratch AS wheels
COPY LICENSE /

# What changes rarely, and is large: one layer. pip and setuptools stay behind in /tools.
FROM ${BASE} AS dependencies
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ENV PIP_FIND_LINKS=/wheels PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/build.txt requirements/runtime.txt /requirements/
RUN --mount=type=bind,from=wheels,target=/wheels \
    python3 -m venv /tools && \
    /tools/bin/pip install --require-hashes -r /requirements/build.txt && \
    python3 -m venv --without-pip /opt/zenflow && \
    /tools/bin/pip --python /opt/zenflow/bin/python install --require-hashes --only-binary :all: \
        -r /requirements/runtime.txt && \
    rm -r /opt/zenflow/lib/python3*/site-packages/kubernetes/aio
# aio: the client once more, for asyncio; 64 MB that nothing here imports.

# What changes often, and is small: another. With it the list of all that is in the image.
FROM dependencies AS application
COPY pyproject.toml README.md LICENSE tools/sbom.py /source/
COPY zenflow /source/zenflow
RUN /tools/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /dist /source && \
    /tools/bin/pip --python /opt/zenflow/bin/python install --no-deps --no-index --root /staged /dist/*.whl && \
    mkdir -p /staged/usr/share/sbom && \
    python3 /source/sbom.py "$(echo /opt/zenflow/lib/python3*/site-packages):$(echo /staged/opt/zenflow/lib/python3*/site-packages)" \
        > /staged/usr/share/sbom/zen-flow.cdx.json

FROM ${BASE}
ARG BASE
ARG BASE_DIGEST=unknown
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="zen-flow controller" \
      org.opencontainers.image.description="DAG workflows for Kubernetes out of native batch/v1 Jobs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
ENV PATH=/opt/zenflow/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# glibc keeps what large objects took, once for each thread; with one arena that it gives back, 2,000 steps and 15 flows
# of a megabyte leave 12 MB behind instead of 34.
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536
COPY --from=dependencies /opt/zenflow /opt/zenflow
COPY --from=application /staged /
# Numeric, so that kubelet can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/opt/zenflow/bin/zenflow"]
CMD ["controller"]
