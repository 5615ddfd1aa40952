# A thin front: everything real is in CMake and scripts/.
#   make demo    the main job on a rendered clip      make test    all tests
#   make build   optimised build in build/release     make bench   benchmarks, as ratios
#   make format  clang-format 14                      make clean   remove build/

.PHONY: help demo test build bench format clean

help:
	@sed -n 's/^#   \(make .*\)/\1/p' Makefile

build:
	@scripts/packages.sh
	@scripts/build.sh release muster

demo: build
	@scripts/demo.sh

test:
	@scripts/packages.sh
	@scripts/format.sh --check
	@scripts/build.sh dev
	@scripts/test.sh

bench:
	@scripts/packages.sh
	@scripts/build.sh release
	@scripts/bench.sh

format:
	@scripts/format.sh

clean:
	rm -rf build
