# `make demo` and `make test` set everything up by themselves; afterwards plain cargo commands work too.

.PHONY: help setup demo test bench fuzz torchvision lint readme

help:
	@echo 'make demo    set up, run the quickstart suite, write its report'
	@echo 'make test    set up, run all tests'
	@echo 'make setup   system packages and libtorch; quick when there is nothing to do'
	@echo 'make bench   set up, time the hot paths'
	@echo 'make fuzz    set up, read damaged model files for a minute'
	@echo 'make torchvision   set up, compare models of torchvision with PyTorch, where Python has both (PYTHON=python3 MODELS="resnet18 ..")'
	@echo 'make lint    set up, check the format and the lints'
	@echo 'make readme  run the quickstart suite, put its results and the list of methods into the README'

setup:
	@scripts/setup

demo: setup
	cargo run --release -- run suites/quickstart.toml
	@echo 'The report is in reports/quickstart/ (start with report.md).'

test: setup
	cargo test

bench: setup
	cargo bench

fuzz: setup
	EXPLAINBENCH_FUZZ_SECONDS=60 cargo test --test integration no_change_of_an_exported_model -- --nocapture

PYTHON ?= python3
torchvision: setup
	$(PYTHON) python/make_torchvision.py target/torchvision $(MODELS)
	EXPLAINBENCH_TORCHVISION=target/torchvision EXPLAINBENCH_PYTHON=$(PYTHON) \
		cargo test --release --test integration -- torchvision the_exporting_lines --nocapture

lint: setup
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

readme: demo
	scripts/readme
