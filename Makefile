# The two commands: `make demo` and `make test`. Everything is installed into .venv.
# the first Python that fits; 3.13 and later lack wheels of tinysoundfont and the module audioop
PYTHON ?= $(shell for python in python3 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
CORES ?= all
BIN := .venv/bin

.PHONY: demo test lint bench slow cluster lock reference clean help

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/:/'

# The lock is complete, so nothing is resolved: --no-deps also leaves out what two packages demand
# but soundmill does not use (TensorFlow for basic-pitch, PortAudio for tinysoundfont, an old soxr for
# audiomentations).
# torch comes again with its dependencies: on some platforms they include the CUDA libraries.
.venv/installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "soundmill needs Python 3.11 or 3.12, with venv, on the PATH"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.txt "$$(grep '^torch==' requirements.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev.txt
	@touch $@

demo: .venv/installed  ## build the demo: new music and a report
	@$(BIN)/snakemake --cores $(CORES)
	@test results/report.zip -nt results/index.html || $(BIN)/snakemake --report results/report.zip
	@echo; echo "Listen: $(CURDIR)/results/index.html"; echo "Report: $(CURDIR)/results/report.zip"

test: .venv/installed-dev lint  ## linters, then tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not cluster"

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/snakemake --lint

slow: .venv/installed-dev  ## the tests that take minutes
	$(BIN)/python -m pytest -m "slow and not cluster"

cluster: .venv/installed-dev  ## tests on a real Slurm on this machine (root; slurm-wlm, munge)
	$(BIN)/python -m pytest tests/cluster -m cluster

# real piano recordings where they are at hand, else two rendered pieces
BENCH_RECORDINGS ?= $(wildcard $(addprefix ../shared/data/maps/*,p19*.flac scn15*.flac 545_3*.flac liz*.flac))

bench: .venv/installed-dev  ## speed ratios, each measured within one run, and what jobs cost to start
	$(BIN)/python bench/transcription.py $(BENCH_RECORDINGS)
	$(BIN)/python bench/generation.py
	$(BIN)/python bench/descriptors.py
	$(BIN)/python bench/soundscape.py
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/scale.py

reference: .venv/installed  ## write docs/options.md and schemas/config.schema.json
	$(BIN)/python -m soundmill.cli.reference

# freeze leaves setuptools out unless told to list all; it builds the editable install
FREEZE := .venv-lock/bin/pip freeze --all | sed 's/+cpu//' | grep -v '^pip=='
HEAD := \# Written by `make lock`; complete, so it is installed with --no-deps (see Makefile).

lock:  ## resolve requirements*.in afresh and write the locks
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet "$$(grep '^torch==' requirements.in)"
	.venv-lock/bin/pip install --quiet -r requirements.in
	.venv-lock/bin/pip install --quiet --no-deps basic-pitch tinysoundfont audiomentations
	(echo '$(HEAD)'; $(FREEZE)) > requirements.txt
	.venv-lock/bin/pip install --quiet -r requirements-dev.in
	.venv-lock/bin/pip install --quiet --no-deps transkun
	(echo '$(HEAD)'; $(FREEZE) | grep -vxFf requirements.txt) > requirements-dev.txt
	rm -rf .venv-lock

clean:  ## delete results (not .venv)
	rm -rf results logs benchmarks
