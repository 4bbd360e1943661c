# Every target first makes .venv (once per change of the requirements). `make help` lists them.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.stamp

JARS := .jars/.stamp
# Files of tests side by side; what starts servers and kills processes runs alone. A test of those that fails gets one
# second chance: it waits for real processes, and a machine can be too slow once. A broken promise fails twice.
TWO := -n 2 --dist loadfile

.PHONY: setup jars static check test demo demo-kafka bench bench-kafka accept build help clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv with the pinned requirements and the tacet command

$(STAMP): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

jars: $(JARS) ## the servers that tests and demo-kafka start, from Maven (once; 300 MB)

$(JARS): tests/support/jvm/pom.xml tests/support/jvm/catalog.xml tests/support/jvm/flink.xml
	@if command -v mvn > /dev/null && command -v java > /dev/null; then \
	  mvn -q -B -f tests/support/jvm/pom.xml package -Djars=$(CURDIR)/.jars && \
	  mvn -q -B -f tests/support/jvm/catalog.xml package -Djars=$(CURDIR)/.jars && \
	  mvn -q -B -f tests/support/jvm/flink.xml package -Djars=$(CURDIR)/.jars && touch $@; \
	else echo "no mvn or no java: tests of the service on Kafka are left out" >&2; fi

static: setup ## format, lint, types, import contracts, stale output: what needs no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/tacet build --check

check: static ## what to run before a commit: static, and the fast tests (under two minutes)
	$(BIN)/pytest $(TWO) -m "not slow and not system"

test: static jars ## everything, with real processes and kills
	$(BIN)/pytest $(TWO) -m "not system"
	$(BIN)/pytest -m system || $(BIN)/pytest -m system --last-failed

demo: setup ## 200,000 impressions through the generated job, explained
	$(BIN)/python examples/impressions/demo.py

demo-kafka: setup jars ## the job as a service on a real broker, killed three times, compared from outside
	$(BIN)/python -m examples.impressions.demo_kafka

bench: setup ## ratios, as a table and a picture; ARGS=--long for 2 M to 20 M messages
	$(BIN)/python -m bench $(ARGS)

bench-kafka: setup jars ## the service: exactly once over Kafka beside files and a loop by hand; recovery, latency
	$(BIN)/python -m bench.kafka_bench $(ARGS)

accept: setup ## rewrite the golden files and generated/ from what the code says now; read the diff
	$(BIN)/tacet build
	$(BIN)/pytest --accept -m "not slow and not system"

clean: ## remove what the targets above made
	rm -rf .venv demo warehouse bench/out .mypy_cache .ruff_cache .pytest_cache .hypothesis
