# `make help` lists the targets. COSERVER_VENV names another virtual environment than .venv.
PYTHON ?= python3
VENV := $(or $(COSERVER_VENV),.venv)
RUN := $(VENV)/bin
COMPILE := $(RUN)/python -m demo.uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

.PHONY: help install demo test faults rules predecessors check format docs bench bench-quick lock buildout
.NOTPARALLEL:

help:  ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 14

install:  ## make the virtual environment from requirements.lock
	@$(PYTHON) -m demo.bootstrap

demo:  ## start Plone with a queue and a consumer
	$(PYTHON) bin/demo

test:  ## run all tests
	$(PYTHON) bin/test

faults: install  ## kill processes and servers 2,000 times; COSERVER_FAULTS_KILLS=20000 for more
	COSERVER_FAULTS_KILLS=$${COSERVER_FAULTS_KILLS:-2000} \
	COSERVER_TEST_DATABASES=$${COSERVER_TEST_DATABASES:-sqlite,postgresql,mysql} \
	$(RUN)/python -m pytest tests/faults --timeout 7200
	COSERVER_OUTAGE_JOBS=$${COSERVER_OUTAGE_JOBS:-1000} \
	COSERVER_OUTAGE_SECONDS=$${COSERVER_OUTAGE_SECONDS:-600} \
	$(RUN)/python -m pytest tests/acceptance/test_zope_away.py --timeout 7200

rules: install  ## keep rules with 5,000 jobs and killed processes, in 1,000 random lives, beside odd rows
	COSERVER_RULES_JOBS=$${COSERVER_RULES_JOBS:-5000} \
	COSERVER_RULES_EXAMPLES=$${COSERVER_RULES_EXAMPLES:-1000} \
	COSERVER_ROWS_EXAMPLES=$${COSERVER_ROWS_EXAMPLES:-300} \
	COSERVER_TEST_DATABASES=$${COSERVER_TEST_DATABASES:-sqlite,postgresql,mysql} \
	$(RUN)/python -m pytest tests/consumer/test_rules.py tests/consumer/test_bad_rows.py \
		tests/consumer/store/test_rules_machine.py \
		--timeout 0 --durations 12

predecessors: install  ## do as plone.app.async and collective.celery did, on each database
	for kind in sqlite postgresql mysql; do \
		COSERVER_TEST_DATABASES=$$kind $(RUN)/python -m pytest tests/acceptance/test_predecessors.py \
			tests/acceptance/test_events.py || exit 1; \
	done

check: install  ## check style, types and layers; build the wheel and run it alone
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy
	$(RUN)/lint-imports --no-logo
	$(RUN)/python -m tests.packaging.wheel

format: install  ## put the code into its form
	$(RUN)/ruff check --fix-only
	$(RUN)/ruff format

docs: install  ## check the links of the pages and run their code
	$(RUN)/python -m pytest tests/docs

bench: install  ## measure everything beside its peers, for two and a half to four hours; the machine must be idle
	$(RUN)/python -m benchmarks

bench-quick: install  ## measure all but Plone and recovery in three minutes: an idea, no figures
	$(RUN)/python -m benchmarks --quick

lock: install  ## pin all packages anew; UPGRADE=--upgrade takes the newest
	$(COMPILE) $(UPGRADE) --all-extras setup.py -o requirements.lock
	echo uv | $(COMPILE) $(UPGRADE) - -o bootstrap.lock
	$(RUN)/python -m demo.versions requirements.lock > versions.cfg

buildout: install  ## make bin/instance, bin/zeoserver, bin/consumer and bin/pytest
	$(RUN)/buildout
