# Every target makes what it needs: `make demo` and `make test` work in a fresh clone with nothing but Python 3.11+.
# Another interpreter: make test PYTHON=python3.13

SHELL = /bin/bash
.SHELLFLAGS = -o pipefail -c

PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/pip --disable-pip-version-check
PYTEST = $(VENV)/bin/python -m pytest

# Whatever the environment says: compiling the tests anew is a third of the unit tests' time.
export PYTHONDONTWRITEBYTECODE =

# Stamps name the interpreter, so that another PYTHON makes a new environment instead of reusing the old one.
TAG := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
RUNTIME := $(VENV)/.runtime-$(TAG)
DEV := $(VENV)/.dev-$(TAG)

.PHONY: help check test unit loopback sim conformance hostile binaries e2e bench demo generate verify image wheels lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What the demo types, so that you can type it too.
ZENFLOW = $(VENV)/bin/zenflow

demo: $(RUNTIME) ## run flows from examples/ on the embedded cluster, to the end
	$(ZENFLOW) graph examples/diamond.yaml
	$(ZENFLOW) run examples/simple-pipeline.yaml
	$(ZENFLOW) run examples/diamond.yaml examples/parallel-job.yaml
	$(ZENFLOW) run examples/retry-policy.yaml
	$(ZENFLOW) run --approve approve-migration examples/migration-with-approval.yaml
	@echo
	@echo "More to try: $(ZENFLOW) run examples/*.yaml, $(ZENFLOW) local, $(ZENFLOW) --help"

# Built first: nothing is to run beside the compiler. Then side by side, for most of it waits.
test: check loopback binaries ## everything: check, loopback, simulation, conformance, attacks, e2e on a real Kubernetes
	$(MAKE) --jobs=8 --keep-going sim conformance hostile $(E2E_PARTS)

check: $(DEV) ## formatting, lint, types, import contracts, unit tests
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(MAKE) unit

unit: $(DEV) ## unit tests (no sleep, no socket; seconds)
	$(PYTEST) tests/unit

loopback: $(DEV) ## what needs sockets and threads: transport, manager, serving
	$(PYTEST) tests/loopback

sim: $(DEV) ## the whole composition on a virtual clock, with faults
	$(PYTEST) tests/simulation

conformance: $(DEV) ## the same requests to the embedded API server and to a real one
	$(PYTEST) tests/conformance

hostile: $(DEV) ## attacks as tenants would make them, each beside a neighbour's flow that must not notice
	PYTHONUNBUFFERED=1 $(PYTEST) tests/hostile --verbose --durations=10 2>&1 | sed -u 's/^/$@: /'

binaries: $(DEV) ## build the real Kubernetes, Prometheus and Helm of the tests (once, half an hour on two cores)
	$(if $(K8S),,$(VENV)/bin/python -m tests.cluster.build all)

# Each cluster's tests in a process of their own, side by side: they mostly wait, for containers and for backoffs.
E2E = PYTHONUNBUFFERED=1 $(PYTEST) tests/cluster tests/e2e --verbose --durations=10 $(if $(K8S),--k8s-kubeconfig-override=$(K8S))
# Each line is led by whose it is.
E2E_PARTS = e2e-node e2e-control-plane e2e-embedded e2e-alone $(if $(K8S),,e2e-install)
.PHONY: $(E2E_PARTS)

e2e: binaries ## on a real Kubernetes, built and started by the tests (as root), or any: make e2e K8S=path/to/kubeconfig
	$(MAKE) --jobs=$(words $(E2E_PARTS)) --keep-going $(E2E_PARTS)

e2e-node: $(DEV)
	$(E2E) -m node 2>&1 | sed -u 's/^/$@: /'

e2e-control-plane: $(DEV)
	$(E2E) -m control_plane 2>&1 | sed -u 's/^/$@: /'

e2e-embedded: $(DEV)
	$(E2E) -m embedded 2>&1 | sed -u 's/^/$@: /'

e2e-alone: $(DEV) # what needs no cluster, or starts its own
	$(E2E) -m "not (node or control_plane or embedded or install)" 2>&1 | sed -u 's/^/$@: /'

e2e-install: $(DEV) # the image and the chart, on a cluster of their own
	$(E2E) -m install 2>&1 | sed -u 's/^/$@: /'

bench: $(DEV) ## speed, CPU and requests per step beside a bare watch-and-create loop
	$(VENV)/bin/python -m bench --times 3

CRD = workflow.zen.io_jobflows.yaml
CHART = charts/zen-flow
# Helm is built from its Go module (three minutes, once) where none is given: make verify HELM=helm
HELM ?= $(shell $(VENV)/bin/python -m tests.cluster.build helm)/helm
# The chart with its defaults, without what the folders beside it hold and without the marks of a Helm release.
RENDER = $(HELM) template zen-flow $(CHART) --namespace zen-flow-system --no-hooks --set crd.install=false,admission=none

# The types of Kubernetes' own kinds, read from the Go modules that tests/cluster/go.mod names.
SCHEMA = zenflow/local/apiserver/schemas/builtin_schema.json
PROTOBUF = zenflow/local/http/protobuf_fields.json
JOB_SCHEMA = zenflow/api/job_schema.json

generate: $(DEV) ## write crds/ from zenflow/api, deploy/ from the chart, docs/conformance.md from the tests, local's types
	$(VENV)/bin/zenflow crd > crds/$(CRD)
	cp crds/$(CRD) deploy/crds/$(CRD)
	cp crds/$(CRD) $(CHART)/files/$(CRD)
	$(VENV)/bin/zenflow crd --policies > deploy/manifests/admission-policies.yaml
	cp deploy/manifests/admission-policies.yaml $(CHART)/files/admission-policies.yaml
	$(VENV)/bin/zenflow crd --webhooks --service NAMESPACE/SERVICE > $(CHART)/files/webhooks.yaml
	mkdir -p .cache && $(RENDER) > .cache/controller.yaml
	{ echo "# Generated by 'make generate' from $(CHART). Do not edit."; \
	sed -E '/managed-by: Helm$$|helm.sh\/chart:|^\# Source:/d' .cache/controller.yaml; } > deploy/manifests/controller.yaml
	$(VENV)/bin/python -m tests.support.statements
	$(VENV)/bin/python -m tools.builtin_schema > .cache/types.json && mv .cache/types.json $(SCHEMA)
	$(VENV)/bin/python -m tools.protobuf_fields > .cache/types.json && mv .cache/types.json $(PROTOBUF)
	$(VENV)/bin/python -m tools.job_schema > .cache/types.json && mv .cache/types.json $(JOB_SCHEMA)

verify: generate ## fail when generated files are not what the code says
	git diff --exit-code -- crds deploy $(CHART)/files docs/conformance.md $(SCHEMA) $(PROTOBUF) $(JOB_SCHEMA)

image: ## the controller's image: zen-flow:0.1.0, by docker (or make image DOCKER=podman)
	$(or $(DOCKER),docker) build --tag zen-flow:0.1.0 .

wheels: $(RUNTIME) ## what the image installs, for a build without a network; see the Dockerfile
	for lock in build runtime; do $(PIP) download --quiet --require-hashes --only-binary=:all: \
		--python-version=3.13 --dest=.cache/wheels --requirement=requirements/$$lock.txt || exit 1; done

$(RUNTIME): requirements/runtime.txt requirements/build.txt
	test -e $@ || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# The lock files hold the hashes of every file the registry lists, for all platforms, and no address.
# They are made by the oldest Python that is supported, in an environment of their own.
PIP_TOOLS = 7.6.2
LOCKER = .cache/lock-venv
COMPILE = PIP_FIND_LINKS= CUSTOM_COMPILE_COMMAND="make lock" $(LOCKER)/bin/pip-compile --quiet --no-config --upgrade \
	--generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

lock: ## take the newest versions pyproject.toml allows into requirements/ (run with Python 3.11)
	@test "$(TAG)" = 3.11 || { echo "make lock: run it with the oldest supported Python: make lock PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(LOCKER)
	$(LOCKER)/bin/pip install --quiet --disable-pip-version-check pip-tools==$(PIP_TOOLS)
	$(COMPILE) -o requirements/runtime.txt --extra otel pyproject.toml
	$(COMPILE) -o requirements/build.txt --build-deps-for editable --only-build-deps pyproject.toml
	$(COMPILE) -o requirements/dev.txt --extra dev -c requirements/runtime.txt pyproject.toml

clean: ## remove the environment and what was built; the Kubernetes in .cache/cluster stays (12 minutes to build)
	rm -rf $(VENV) $(LOCKER) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist *.egg-info
