# Everything a newcomer or a developer types. GNU make; all set-up goes into private environments inside this checkout
# (.venv-3.13 and so on, build/, dist/), nothing is installed elsewhere.

.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:
# Targets run one after the other whatever -j says; the compiler runs in parallel anyway (ninja).
.NOTPARALLEL:
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PACKAGE := codetracer-python-recorder
PURE := codetracer-pure-python-recorder

comma := ,

# For `make record`.
SCRIPT ?= examples/locals_snapshot.py
ARGS ?=
OUT ?= trace-out

# For `make test`: more options for pytest, for example PYTEST_ARGS="-k generators".
PYTEST_ARGS ?=

.PHONY: help
help:
	@echo "make record [SCRIPT=prog.py] [ARGS=\"a b\"]   build, record a program, show where the trace is and a piece of it"
	@echo "make test                                  build, run every everyday test"
	@echo "make test-sanitize                         the same tests under AddressSanitizer and UBSan"
	@echo "make test-consumers                        CodeTracer's replay server walks every program of the tests, not only some"
	@echo "make test-cpython [MODULES=\"test_dict …\"]   CPython's own tests, plainly and recorded; SLICE=1/40 a part of them"
	@echo "make hunt [HUNT_SECONDS=60]                record random programs and look for changes that the quick look misses"
	@echo "make fuzz [FUZZ_SECONDS=60]                let random input look for crashes of the readers; needs clang"
	@echo "make bench [QUICK=1]                       measure what recording costs, beside codetracer-python-recorder 0.3.0"
	@echo "make bench-scaling                         measure how cost grows with the size of containers and the length of programs, and start-up"
	@echo "make bench-plots                           draw docs/images from what these two measured"
	@echo "make bench-formats                         measure writing each format and going to a step of a long trace"
	@echo "make counts [ACCEPT=1]                     count the instructions that recording adds to five programs; needs valgrind"
	@echo "make dev                                   fast rebuild for development: extension next to its Python sources"
	@echo "make wheel                                 build a wheel into dist/"
	@echo "make install-library PREFIX=DIR            the C library for other programs: shared, static, headers, pkg-config file, example"
	@echo "make clean                                 remove everything that was built here"
	@echo
	@echo "PYTHON_VERSION=3.12 chooses a version; else the newest supported one found is used. Supported: $$(tools/find-python --versions)"

.PHONY: clean
clean:
	@rm -rf build dist .venv .venv-*
	@rm -f $(PACKAGE)/codetracer_python_recorder/_*.so $(PACKAGE)/codetracer_python_recorder/codetracer-forward
	@find . -path ./.git -prune -o -type d \( -name __pycache__ -o -name .pytest_cache -o -name .hypothesis \) \
		-prune -exec rm -rf {} +

# Everything below needs a Python and a compiler.
ifneq ($(filter-out help clean,$(or $(MAKECMDGOALS),help)),)

PYTHON := $(shell tools/find-python $(PYTHON_VERSION))
ifeq ($(PYTHON),)
$(error Nothing was built: no suitable Python (see the line above))
endif
COMPILER := $(shell tools/find-compiler)
ifeq ($(COMPILER),)
$(error Nothing was built: no C compiler (see the line above))
endif
# Meson reads CC from the environment; give it the one that was tried.
export CC := $(COMPILER)

VERSION := $(shell "$(PYTHON)" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv-$(VERSION)
SANITIZE_VENV := .venv-$(VERSION)-sanitize

# Neither virtual environments nor build folders survive being copied elsewhere or losing their interpreter: begin anew.
IGNORED := $(shell \
	mkdir -p build; \
	if [ -e build/.checkout ] && [ "$$(cat build/.checkout)" != "$(CURDIR)" ]; then rm -rf build .venv .venv-*; fi; \
	mkdir -p build; echo "$(CURDIR)" > build/.checkout; \
	for venv in $(VENV) $(SANITIZE_VENV); do \
		if [ -e $$venv/.has-tools ] && [ ! -e $$venv/bin/python ]; then rm -rf $$venv; fi; done)

# Two `make` in one checkout take turns (where the system has flock).
LOCK := $(if $(shell command -v flock),flock build/.lock-$(VERSION))

# What an installed package depends on.
SOURCES := $(shell find $(PACKAGE) \( -name tests -o -name __pycache__ -o -name build -o -name '.*' \) -prune \
	-o -type f ! -name '*.so' ! -name '*.tmp' -print)
# A file that went away counts as a change too.
$(file >build/.sources.new,$(SOURCES))
IGNORED := $(shell cmp -s build/.sources.new build/.sources || cp build/.sources.new build/.sources)

# in VENV: run a command with the tools of that environment.
in = PATH="$(CURDIR)/$(1)/bin:$$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1

# environment VENV, BUILD FOLDER, OPTIONS OF MESON: rules for one private environment with its tools, the package, and
# what tests need. The package is built in one lasting folder, so that a change compiles only what it touches.
define environment
$(1)/.has-tools: $(PACKAGE)/requirements-build.txt
	@echo "Preparing $(1) with $(PYTHON)"
	@$(LOCK) bash -euc '[ -x $(1)/bin/pip ] || "$(PYTHON)" -m venv $(1); \
		$(1)/bin/python -m pip install --quiet --disable-pip-version-check -r $(PACKAGE)/requirements-build.txt'
	@touch $$@

$(1)/.has-tests: $(PACKAGE)/tests/requirements.txt $(1)/.has-tools
	@$(LOCK) $(1)/bin/python -m pip install --quiet --disable-pip-version-check -r $(PACKAGE)/tests/requirements.txt
	@touch $$@

$(1)/.has-package: $(SOURCES) build/.sources $(1)/.has-tools
	@echo "Building $(PACKAGE) for Python $(VERSION) in $(2)"
	@mkdir -p $(2)
	@$$(call in,$(1)) $(LOCK) $(1)/bin/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall \
		-Cbuild-dir="$(CURDIR)/$(2)" -Csetup-args=-Dtests=true $(addprefix -Csetup-args=,$(3)) ./$(PACKAGE)
	@touch $$@
endef

BUILD := build/pip-$(VERSION)
SANITIZE_BUILD := build/sanitize-$(VERSION)
$(eval $(call environment,$(VENV),$(BUILD),))
$(eval $(call environment,$(SANITIZE_VENV),$(SANITIZE_BUILD),\
	-Db_sanitize=address$(comma)undefined -Db_lundef=false -Ddebug=true -Doptimization=1))

# .venv is the environment of the newest Python: the one used when PYTHON_VERSION is not given.
.PHONY: link
link: $(VENV)/.has-tools
	@$(if $(PYTHON_VERSION),true,ln -sfn $(VENV) .venv)

# What is shown of the trace: of the example, where it gets interesting.
PIECE := $(if $(filter examples/locals_snapshot.py,$(SCRIPT)),--from 15 --to 40,--to 25)

.PHONY: record
record: $(VENV)/.has-package link
	@status=0; mkdir -p build; touch build/.before-record; \
	$(VENV)/bin/codetracer-record --out-dir "$(OUT)" "$(SCRIPT)" $(ARGS) || status=$$?; \
	[ -d "$(OUT)" ] && [ -n "$$(find "$(OUT)" -maxdepth 1 -type f -newer build/.before-record)" ] || exit $$status; \
	echo; echo "The trace is in $(OUT). Some of it, by \`$(VENV)/bin/codetracer-trace print '$(OUT)' $(PIECE)\`:"; \
	$(VENV)/bin/codetracer-trace print "$(OUT)" $(PIECE) || status=1; \
	exit $$status

# pytest's word for "none collected": a choice of tests may be all of one package.
NO_TESTS := 5

# run_tests VENV, BUILD FOLDER, ENVIRONMENT OF C TESTS, ENVIRONMENT OF PYTHON TESTS, MORE OPTIONS OF PYTEST
define run_tests
@echo "C tests"
@$(call in,$(1)) $(LOCK) $(1)/bin/ninja -C $(2) --quiet meson-test-prereq
@$(call in,$(1)) $(3) $(1)/bin/meson test -C $(2) --no-rebuild --print-errorlogs --no-stdsplit
@status=$(NO_TESTS); $(foreach package,$(PACKAGE) $(PURE),if [ -d $(package)/tests ]; then \
	echo "Python tests of $(package)"; one=0; \
	$(call in,$(1)) $(4) $(1)/bin/pytest -q -n auto $(addprefix -c ,$(wildcard $(package)/pyproject.toml)) --rootdir $(package) \
		$(wildcard $(package)/tests/python $(package)/tests/differential $(package)/tests/test_*.py) $(5) $(PYTEST_ARGS) || one=$$?; \
	if [ $$one = 0 ]; then status=0; elif [ "$$one" != "$(if $(PYTEST_ARGS),$(NO_TESTS))" ]; then exit $$one; fi; \
	fi;) exit $$status
endef

# Programs from PyPI that tests record; $(PROGRAMS)/.installed is there when all of them are.
PROGRAMS := build/programs-$(VERSION)
$(PROGRAMS)/.installed: $(PACKAGE)/tests/requirements-programs.txt | $(VENV)/.has-tools
	@echo "Fetching programs to record into $(PROGRAMS)"
	@$(LOCK) bash -euc 'rm -rf $(PROGRAMS); $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $(PROGRAMS) -r $<'
	@touch $@

# Frameworks from PyPI that tests record programs with.
FRAMEWORKS := build/frameworks-$(VERSION)
$(FRAMEWORKS)/.installed: $(PACKAGE)/tests/requirements-frameworks.txt | $(VENV)/.has-tools
	@echo "Fetching frameworks into $(FRAMEWORKS)"
	@$(LOCK) bash -euc 'rm -rf $(FRAMEWORKS); $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $(FRAMEWORKS) -r $<'
	@touch $@

# Tests of the library and its tool, to which the version of Python is nothing. LIBRARY_TESTS=no: without them.
LIBRARY_TESTS := yes
OF_LIBRARY := trace_tool corruption ct_read ct_halves convert verify verify_containers foreign golden typing
WITHOUT_LIBRARY = $(if $(filter no,$(LIBRARY_TESTS)),$(foreach name,$(OF_LIBRARY),--ignore-glob='*/test_$(name).py'))

.PHONY: test
test: $(VENV)/.has-package $(VENV)/.has-tests $(PROGRAMS)/.installed $(FRAMEWORKS)/.installed link
	$(call run_tests,$(VENV),$(BUILD),,,$(WITHOUT_LIBRARY))

# The interpreter itself is not built with sanitizers, so their runtime is loaded first and leaks of Python are not ours. With it that of C++: the
# runtime looks for its throw at the start only, and a module in C++ (greenlet) that is loaded later could not throw.
PRELOAD = $$($(firstword $(CC)) -print-file-name=libasan.so) $$($(firstword $(CC)) -print-file-name=libstdc++.so.6)
.PHONY: test-sanitize
test-sanitize: $(SANITIZE_VENV)/.has-package $(SANITIZE_VENV)/.has-tests $(PROGRAMS)/.installed $(FRAMEWORKS)/.installed
	$(call run_tests,$(SANITIZE_VENV),$(SANITIZE_BUILD),\
		ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1,\
		LD_PRELOAD="$(PRELOAD)" PYTHONMALLOC=malloc CODETRACER_SANITIZE=1 ASAN_OPTIONS=detect_leaks=0 \
		UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1,--ignore-glob='*/test_consumers_*' --ignore-glob='*/test_typing.py' --ignore-glob='*/differential/*')

# What `make test` does with some programs; needs CodeTracer's programs (docs/testing.md).
.PHONY: test-consumers
test-consumers: $(VENV)/.has-package $(VENV)/.has-tests link
	@$(call in,$(VENV)) CODETRACER_CONSUMERS=all $(VENV)/bin/pytest -q -n auto -c $(PACKAGE)/pyproject.toml --rootdir $(PACKAGE) \
		$(PACKAGE)/tests/python/test_consumers_server.py $(PYTEST_ARGS)

# CPython's own tests must end recorded as they do plainly (docs/reliability.md). MODULES: names or patterns; SLICE: I/N, or commits/N, another one with
# each commit; MINUTES: none begins after that; SAME=yes: only those that are on record as the same.
MODULES ?=
SLICE ?=
MINUTES ?=
SAME ?=
.PHONY: test-cpython
test-cpython: $(VENV)/.has-package
	@$(call in,$(VENV)) $(VENV)/bin/python $(PACKAGE)/tests/cpython/run.py $(addprefix --slice ,$(SLICE)) $(addprefix --minutes ,$(MINUTES)) $(if $(SAME),--same) \
		--results build/cpython-$(VERSION).jsonl $(foreach module,$(MODULES),'$(module)')

# Programs made at random, recorded with --verify-capture: others with every commit.
HUNT_SECONDS ?= 60
.PHONY: hunt
hunt: $(VENV)/.has-package $(VENV)/.has-tests
	@$(call in,$(VENV)) $(VENV)/bin/python $(PACKAGE)/tests/differential/hunt.py --seconds $(HUNT_SECONDS)

# Random input for the readers (tests/fuzz): each target for FUZZ_SECONDS, from the inputs kept in the repository. What makes one fail is left in
# build/fuzz-X.Y-found; what is new to it is collected in build/fuzz-X.Y-corpus.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= binary ct journal json
FUZZ := build/fuzz-$(VERSION)
.PHONY: fuzz
fuzz: $(VENV)/.has-tools
	@clang=$$(tools/find-clang) && $(call in,$(VENV)) $(LOCK) bash -euc ' \
		[ -f $(FUZZ)/build.ninja ] || CC="$$0" meson setup --buildtype=debugoptimized -Dfuzzers=true -Db_sanitize=address,undefined -Db_lundef=false \
			$(FUZZ) $(PACKAGE) > $(FUZZ).log 2>&1 || { cat $(FUZZ).log; exit 1; }; \
		ninja -C $(FUZZ) --quiet $(FUZZ_TARGETS:%=tests/fuzz/fuzz_%)' "$$clang"
	@failed=; for target in $(FUZZ_TARGETS); do \
		echo "Fuzzing $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p $(FUZZ)-found $(FUZZ)-corpus/$$target; \
		ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
			$(FUZZ)/tests/fuzz/fuzz_$$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=512 -timeout=10 -entropic=0 -artifact_prefix=$(FUZZ)-found/$$target- \
			$(FUZZ)-corpus/$$target $(PACKAGE)/tests/fuzz/corpus/$$target $(PACKAGE)/tests/golden/bad/$$target > $(FUZZ)-$$target.log 2>&1 \
			|| { failed="$$failed $$target"; tail -n 60 $(FUZZ)-$$target.log; }; \
		grep -a "^Done " $(FUZZ)-$$target.log || true; \
	done; \
	[ -z "$$failed" ] || { echo "Failed:$$failed. The inputs are in $(FUZZ)-found"; exit 1; }

# For development: optimised with debug information, in a folder per version, the extension copied beside its Python
# sources (by renaming, so that running programs keep theirs).
DEV := build/dev-$(VERSION)
.PHONY: dev
dev: $(VENV)/.has-tools $(VENV)/.has-tests link
	@$(call in,$(VENV)) $(LOCK) bash -euc ' \
		[ -f $(DEV)/build.ninja ] || meson setup --buildtype=debugoptimized $(DEV) $(PACKAGE) > build/dev-$(VERSION).log 2>&1 \
			|| { cat build/dev-$(VERSION).log; exit 1; }; \
		ninja -C $(DEV) --quiet; \
		for built in $(DEV)/ext/_native*.so $(DEV)/ext/reader/_reader*.so $(DEV)/ext/codetracer-forward; do \
			place=$(PACKAGE)/codetracer_python_recorder/$${built##*/}; \
			cmp -s $$built $$place || { cp $$built $$place.tmp; mv -f $$place.tmp $$place; }; \
		done'
	@echo "PYTHONPATH=$(PACKAGE) $(VENV)/bin/python -m codetracer_python_recorder"
	@echo "$(DEV)/lib/codetracer-trace; C tests: $(VENV)/bin/meson test -C $(DEV)"

# Beside the recorder that this one replaces, which gets an environment of its own. BENCH_ARGS: more options of bench/run.py.
PEER := build/bench-$(VERSION)
$(PEER)/.installed: bench/requirements.txt | $(VENV)/.has-tools
	@echo "Preparing $(PEER) with $(PYTHON)"
	@$(LOCK) bash -euc 'rm -rf $(PEER); "$(PYTHON)" -m venv $(PEER); \
		$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<'
	@touch $@

.PHONY: bench
bench: $(VENV)/.has-package $(PEER)/.installed
	@$(VENV)/bin/python bench/run.py --peer $(PEER)/bin/python $(if $(QUICK),--quick) $(if $(DOCUMENT),--document) $(BENCH_ARGS)

.PHONY: bench-scaling
bench-scaling: $(VENV)/.has-package $(PEER)/.installed
	@$(VENV)/bin/python bench/scaling.py --peer $(PEER)/bin/python $(if $(DOCUMENT),--document) $(BENCH_ARGS)

PLOTS := build/plots-$(VERSION)
$(PLOTS)/.installed: bench/plots-requirements.txt | $(VENV)/.has-tools
	@$(LOCK) bash -euc 'rm -rf $(PLOTS); "$(PYTHON)" -m venv $(PLOTS); $(PLOTS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<'
	@touch $@
.PHONY: bench-plots
bench-plots: $(PLOTS)/.installed
	@$(PLOTS)/bin/python bench/plots.py --version $(VERSION)

# Against what bench/counts.json says; ACCEPT=1 writes it.
.PHONY: counts
counts: $(VENV)/.has-package
	@$(VENV)/bin/python bench/counts.py $(if $(ACCEPT),--accept)

# For other programs in C (docs/c-library.md). DESTDIR is honoured.
LIBRARY := build/library-$(VERSION)
.PHONY: install-library
install-library: $(VENV)/.has-tools
	@[ -n "$(PREFIX)" ] || { echo "make install-library needs PREFIX=DIR, for example PREFIX=$$HOME/.local"; exit 2; }
	@$(call in,$(VENV)) $(LOCK) bash -euc ' \
		meson setup $$([ -f $(LIBRARY)/build.ninja ] && echo --reconfigure) --buildtype=release -Db_ndebug=false -Dtests=false -Dlibdir=lib \
			--prefix="$(abspath $(PREFIX))" $(LIBRARY) $(PACKAGE) > $(LIBRARY).log 2>&1 || { cat $(LIBRARY).log; exit 1; }; \
		meson compile -C $(LIBRARY) codetracer:static_library codetracer:shared_library > $(LIBRARY).log 2>&1 || { cat $(LIBRARY).log; exit 1; }; \
		meson install -C $(LIBRARY) --no-rebuild --quiet --tags devel,library'
	@echo "Installed. Where pkg-config does not look there by itself: export PKG_CONFIG_PATH=$(abspath $(PREFIX))/lib/pkgconfig"

# What finished traces cost: writing each format, going to a step.
.PHONY: bench-formats
bench-formats: $(VENV)/.has-package $(PEER)/.installed
	@$(VENV)/bin/python bench/formats.py --peer $(PEER)/bin/python $(if $(DOCUMENT),--document)

.PHONY: wheel
wheel: $(VENV)/.has-package
	@mkdir -p dist
	@$(call in,$(VENV)) $(LOCK) $(VENV)/bin/python -m pip wheel --quiet --no-deps --no-build-isolation \
		-Cbuild-dir="$(CURDIR)/$(BUILD)" -Csetup-args=-Dtests=true --wheel-dir dist ./$(PACKAGE)
	@ls -t dist/*.whl | head -n 1

endif
