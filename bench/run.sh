# run.sh – all benches, one after another: JSON lines and one line for people each, on standard output.
#
#     sh bench/run.sh [quick]
#
# Needs the release build (build/release; another one is named by C5_BUILD), Debian's python3 with numpy and h5py, and for the peers
# libhdf5-openmpi-dev and a Python with tifffile (C5_PEERS, see bench/README.md). Works on tmpfs (C5_SCRATCH) with the frames of tests/data, or of the
# folder C5_DATA. quick: fewer frames and repetitions, for a look; the figures told elsewhere come from the whole. Exits 1 when a bar was missed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
code=0
bench() {
	echo "## $*" >&2
	/usr/bin/python3 "$here/$@"
	case $? in
	0) ;;
	77) echo "# $1: skipped" ;;
	*) code=1 ;;
	esac
}
if [ "${1:-}" = quick ]; then
	C5_REPS=${C5_REPS:-3}
	export C5_REPS
	bench write.py 32
	bench ingest.py 40
	bench read.py 100
	bench scaling.py 60
	bench stages.py 8
	bench memory.py 50 500
	bench many.py 1000
else
	bench write.py
	bench ingest.py
	bench read.py
	bench scaling.py
	bench pipeline.py
	bench stages.py
	bench memory.py
	bench nn.py
	bench train.py
	bench many.py
fi
exit $code
