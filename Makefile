# SPDX-License-Identifier: Apache-2.0
# The face of the build; Meson does the work. `make help` lists what there is.
B ?= build
MESON ?= meson
NINJA ?= ninja
CLANG ?= clang
DESTDIR ?=
PREFIX ?= /usr/local
LAYERS ?=
# musl: half the size and half the start-up time; LIBC=system links the compiler's own libc, auto decides.
LIBC ?= auto
JOBS ?= $(shell nproc)
# Groups of tools/need that a build takes.
NEED = build $(if $(filter system,$(LIBC)),,musl)

.DEFAULT_GOAL := all
.PHONY: all help need demo test test-vm install uninstall clean asan clang tidy coverage format docs reproducible bench prove-security

all: need $(B)/build.ninja
	@$(NINJA) -C $(B) -j $(JOBS) --quiet hull
	@echo "built $(B)/hull; try: make demo"

help:
	@echo "make              build $(B)/hull"
	@echo "make demo         set up, build, run a busybox container and show every step"
	@echo "make test         set up, then every test layer this machine can run (LAYERS='unit conform' for some)"
	@echo "make test-vm      the layers that need a whole system: systemd, cgroup v2, LSMs, in a machine (LAYERS=vm-matrix)"
	@echo "make install      into $(PREFIX) (PREFIX=, DESTDIR=)"
	@echo "make asan         the unit tests under AddressSanitizer and UBSan"
	@echo "make clang        the whole tree with clang, warnings are errors"
	@echo "make tidy         clang-tidy and cppcheck"
	@echo "make coverage     line coverage of the unit tests (a lower bound: children are not counted)"
	@echo "make format       clang-format on the files that were formatted with it"
	@echo "make bench        hull beside crun, runc and the floor (BENCH='--peer crun=PATH --runs 200')"
	@echo "make prove-security  builds without one defence each: the tests of tests/security must fail on them"
	@echo "make docs         manual pages, completions, doc/errors.md, doc/kernel.md: what is printed from the sources"
	@echo "make reproducible two builds in two places, one hash"
	@echo "make clean        remove every build directory"

need:
	@tools/need --check $(NEED)

$(B)/build.ninja:
	@mkdir -p $(B)
	@$(MESON) setup $(B) --prefix $(PREFIX) -Dlibc=$(LIBC) >$(B)/setup.log 2>&1 || { cat $(B)/setup.log; exit 1; }

demo:
	@tools/need $(NEED) demo
	@$(MAKE) --no-print-directory all
	@tools/demo $(B)/hull

test:
	@tools/need $(NEED) demo test clang clients
	@tools/run-tests --build $(B) $(LAYERS)

test-vm:
	@tools/need $(NEED) test
	@tools/run-tests --build $(B) --vm $(LAYERS)

install: all
	@DESTDIR="$(DESTDIR)" $(MESON) install -C $(B) --no-rebuild --strip --quiet
	@echo "installed $(DESTDIR)$(PREFIX)/bin/hull"

uninstall:
	@$(NINJA) -C $(B) uninstall

asan:
	@tools/need $(NEED) test clang
	@tools/run-tests --build $(B) asan

clang:
	@tools/need $(NEED) clang test
	@[ -e build-clang/build.ninja ] || CC=$(CLANG) $(MESON) setup build-clang >/dev/null
	@$(NINJA) -C build-clang

tidy:
	@tools/need $(NEED) tidy
	@tools/tidy

coverage:
	@tools/need $(NEED) demo coverage
	@tools/coverage

format:
	@tools/need tidy
	@tools/lint --format

docs: all
	@tools/errors-doc doc/errors.md
	@tools/kernel-facts doc/kernel.md
	@tools/choreography-doc
	@tools/security-doc
	@tools/man-page $(B)/hull man
	@tools/completions $(B)/hull contrib/completion
	@tools/doctor-doc $(B)/hull doc/doctor.md

# Needs root and meson's bench targets; shows medians, ratios, memory, system calls. See doc/performance.md.
bench: all
	@bench/run --build $(B) $(BENCH)

# By hand, as root: what it finds is written to tests/security/proof.tsv and doc/security-tests.md.
prove-security: all
	@tests/security/prove
	@tools/security-doc

reproducible:
	@tools/need $(NEED)
	@tools/reproducible

clean:
	@rm -rf build build-*
