# build.sh – the peers of bench_write, made apart from cyto5: parallel HDF5 must never be linked into it.
#
#     sh bench/peers/build.sh OUT-FOLDER
#
# Makes OUT-FOLDER/phdf5_write (parallel HDF5; needs libhdf5-openmpi-dev) and OUT-FOLDER/hdf5_write (serial HDF5).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUT-FOLDER}
mkdir -p "$out"
if ! pkg-config --exists hdf5-openmpi; then
	echo "build.sh: no parallel HDF5; install libhdf5-openmpi-dev" >&2
	exit 77
fi
# shellcheck disable=SC2046
mpicc -O2 -std=c17 -D_GNU_SOURCE -Wall -Wextra -o "$out/phdf5_write" "$here/phdf5_write.c" $(pkg-config --cflags --libs hdf5-openmpi)
# shellcheck disable=SC2046
cc -O2 -std=c17 -D_GNU_SOURCE -Wall -Wextra -DSERIAL -o "$out/hdf5_write" "$here/phdf5_write.c" $(pkg-config --cflags --libs hdf5-serial)
