# run.sh – everything CI runs: installs what is missing, builds, tests. Works from any folder, in a fresh clone:
#
#     sh tests/run.sh
#
# Two builds. `release` is the program people run, and does what depends on time: several ranks, kills, SLURM. `dev` (warnings are errors,
# address and undefined-behaviour sanitizers) runs all tests but those of SLURM, kills and readers. Ends with ctest's closing line; exits 0 only if
# all passed.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$root" || exit 1
. jobs/local/packages.sh
packages_need build test || exit 1
packages_want cluster

jobs=$(nproc 2>/dev/null || echo 2)
build() { # PRESET
	echo "--- build $1"
	# A folder configured before keeps its generator.
	generator=
	[ -f "build/$1/CMakeCache.txt" ] || generator="-G Ninja"
	said=$(mktemp) || return 1
	if cmake --preset "$1" $generator >"$said" 2>&1 && cmake --build --preset "$1" -j "$jobs" >>"$said" 2>&1; then
		grep '^-- cyto5' "$said"
		rm -f "$said"
	else
		tail -n 200 "$said"
		rm -f "$said"
		return 1
	fi
}
run() { # PRESET CTEST-OPTIONS...: one test at a time, as ranks and daemons fill the cores by themselves
	echo "--- test $1"
	preset=$1
	shift
	ctest --test-dir "build/$preset" --output-on-failure "$@"
}

build dev || { echo "FAILED: preset dev does not build"; exit 1; }
build release || { echo "FAILED: preset release does not build"; exit 1; }
code=0
run release --tests-regex '^(mpi|slurm)_' --no-tests=ignore || code=1
run dev --exclude-regex '^(slurm_|mpi_kill|mpi_readers)' --no-tests=error || code=1
exit $code
