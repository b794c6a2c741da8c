# The one front door for tasks; `make` alone lists them.
#
# `make run` and `make test` set up everything they need on a fresh Debian machine with Rust, Node, Go and Python:
# Debian packages where root or sudo is at hand, everything else below target/tools and node_modules.

.DEFAULT_GOAL := help
.PHONY: help run test check fmt tools unit sdk browser fuzz conformance bench bench-growth bench-collections bench-realtime soak

TOOLS := target/tools
# Every suite runs the same build: the profile dev with what tests inject.
FAULTS := --features faults
BINARY := target/debug/monobase
export CARGO_TERM_COLOR ?= auto

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/' | expand -t 20

run: ## build and serve on 127.0.0.1:8090, data in ./pb_data
	@.ci/install build
	@.ci/pages
	cargo run --profile quick --quiet -- serve --http 127.0.0.1:8090 --dir pb_data

test: tools check unit sdk browser fuzz conformance ## install what tests need, then run every suite

check: ## formatting and lints; warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(FAULTS) -- -D warnings
	npm run --silent --prefix admin-ui check

fmt: ## format the code
	cargo fmt --all
	npm run --silent --prefix admin-ui format

tools: ## install what tests need, and nothing else
	@.ci/install test
	@.ci/pages

unit: ## Rust tests: unit, API, durability, tidiness; unit tests of the pages
	npm test --silent --prefix admin-ui
	cargo test --workspace $(FAULTS)

sdk: $(BINARY) ## the official JavaScript SDK against the binary
	node --test tests/sdk/*.test.mjs

browser: $(BINARY) ## journeys in headless Chromium against the binary
	node --test --test-timeout=600000 tests/browser/*.test.mjs

fuzz: ## 20 seconds of fuzzing for each parser
	.ci/fuzz 20

conformance: $(BINARY) ## the conformance suite, where it lies beside the project
	.ci/conformance $(BINARY)

# Cargo knows better than make what is fresh, so it is asked each time.
.PHONY: $(BINARY)
$(BINARY):
	cargo build $(FAULTS)

bench: ## floor, peer and Monobase in turn; writes bench/README.md
	@.ci/install bench
	@.ci/pages
	bench/run

bench-growth: ## cost against the number of rows: 10k, 100k, 1M
	@.ci/install bench
	bench/run --growth

bench-collections: ## cost against the number of collections, and imports beside the peer
	@.ci/install bench
	bench/run --collections

bench-realtime: ## CPU a delivery beside the peer, memory of 10,000 idle listeners
	@.ci/install bench
	bench/run --realtime

# A build of its own, so that what `bench` measures has nothing of what tests inject.
SOAK := target/soak/release/monobase
# Seconds of mixed load.
MONOBASE_SOAK_SECONDS ?= 900

soak: ## the long runs: mixed load with kills and a full disk, schemathesis, 1,000 kills, a 2 GiB upload, fuzzing
	@.ci/install soak
	cargo build --release $(FAULTS) --target-dir target/soak
	MONOBASE_TEST_BINARY=$(CURDIR)/$(SOAK) MONOBASE_SOAK_SECONDS=$(MONOBASE_SOAK_SECONDS) \
		cargo test $(FAULTS) --test soak -- --nocapture
	$(TOOLS)/py/bin/python tests/soak/openapi.py $(SOAK) 300
	MONOBASE_TEST_NOTHING_MISSED_SECONDS=60 cargo test $(FAULTS) --test api nothing_missed -- --nocapture
	MONOBASE_TEST_TIMING_ROUNDS=200 cargo test $(FAULTS) --test api the_time_of_an_answer -- --nocapture
	MONOBASE_TEST_INPUTS=200000 cargo test $(FAULTS) --test api no_input_gives_a_500 -- --nocapture
	MONOBASE_KILL_ROUNDS=1000 MONOBASE_UPLOAD_MIB=2048 cargo test $(FAULTS) --test durability -- --nocapture
	.ci/fuzz 600
