/* phdf5_write.c – the peer of bench_write: the same frames through HDF5's own filters, the way parallel HDF5 offers it: all ranks open the
 * file, and write their frames of each round in one collective call, which is the only way it has for filtered data. Built by build.sh twice:
 * against parallel HDF5, and with -DSERIAL against serial HDF5, one process. No part of cyto5 is in it, nor it in cyto5.
 *
 *     mpirun -n RANKS phdf5_write OUT.h5 FRAMES.raw HEIGHT WIDTH DISTINCT FRAMES BATCH CHECKSUM
 *
 * BATCH: frames a rank writes in one call. CHECKSUM: 1 adds Fletcher-32, as cyto5 does. Chunk = one frame, shuffle, deflate 1.
 * The clock runs from before H5Dcreate until H5Fflush and fsync have returned. Prints "seconds MB_per_s bytes_in_file". */
#include <fcntl.h>
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifndef SERIAL
#include <mpi.h>
#endif

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void barrier(void)
{
#ifndef SERIAL
	MPI_Barrier(MPI_COMM_WORLD);
#endif
}

static void sync_file(const char *path)
{
	int fd = open(path, O_RDWR);
	if (fd < 0 || fsync(fd) < 0) perror(path);
	if (fd >= 0) close(fd);
}

int main(int argc, char **argv)
{
	int rank = 0, ranks = 1, bad = 1;
#ifndef SERIAL
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
#endif
	if (argc != 9) {
		fprintf(stderr, "usage: phdf5_write OUT.h5 FRAMES.raw HEIGHT WIDTH DISTINCT FRAMES BATCH CHECKSUM\n");
		return 2;
	}
	hsize_t h = strtoull(argv[3], NULL, 10), w = strtoull(argv[4], NULL, 10), distinct = strtoull(argv[5], NULL, 10),
		frames = strtoull(argv[6], NULL, 10);
	hsize_t batch = strtoull(argv[7], NULL, 10), n = h * w;
	uint16_t *pixels = malloc(distinct * n * 2), *slab = malloc(batch * n * 2);
	FILE *f = fopen(argv[2], "rb");
	if (!pixels || !slab || !f || fread(pixels, 2, distinct * n, f) != distinct * n) {
		fprintf(stderr, "phdf5_write: %s cannot be read\n", argv[2]);
		return 1;
	}
	fclose(f);

	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), dxpl = H5Pcreate(H5P_DATASET_XFER), list = H5Pcreate(H5P_DATASET_CREATE);
#ifndef SERIAL
	H5Pset_fapl_mpio(fapl, MPI_COMM_WORLD, MPI_INFO_NULL);
	H5Pset_dxpl_mpio(dxpl, H5FD_MPIO_COLLECTIVE);
#endif
	H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110);
	hsize_t dims[3] = { frames, h, w }, chunk[3] = { 1, h, w };
	H5Pset_chunk(list, 3, chunk);
	H5Pset_shuffle(list);
	H5Pset_deflate(list, 1);
	if (atoi(argv[8])) H5Pset_fletcher32(list);
	hid_t file = H5Fcreate(argv[1], H5F_ACC_TRUNC, H5P_DEFAULT, fapl), space = H5Screate_simple(3, dims, NULL);

	barrier();
	double start = now();
	hid_t d = H5Dcreate2(file, "phase", H5T_STD_U16LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
	if (file < 0 || d < 0) goto done;
	hsize_t round = batch * (hsize_t)ranks;
	for (hsize_t t = 0; t < frames; t += round) { /* every rank takes part in every call, with nothing when there is nothing left */
		hsize_t first = t + (hsize_t)rank * batch, count = first >= frames ? 0 : frames - first < batch ? frames - first : batch;
		hsize_t at[3] = { first, 0, 0 }, size[3] = { count, h, w };
		for (hsize_t k = 0; k < count && batch > 1; k++) memcpy(slab + k * n, pixels + (first + k) % distinct * n, n * 2);
		hid_t from = H5Screate_simple(3, count ? size : chunk, NULL), to = H5Scopy(space);
		if (count) H5Sselect_hyperslab(to, H5S_SELECT_SET, at, NULL, size, NULL);
		else {
			H5Sselect_none(from);
			H5Sselect_none(to);
		}
		if (H5Dwrite(d, H5T_NATIVE_UINT16, from, to, dxpl, batch > 1 ? slab : pixels + first % distinct * n) < 0) goto done;
		H5Sclose(from);
		H5Sclose(to);
	}
	H5Dclose(d);
	if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) goto done;
	sync_file(argv[1]);
	barrier();
	double seconds = now() - start;
	bad = H5Fclose(file) < 0;
	struct stat st;
	if (rank == 0 && stat(argv[1], &st) == 0) printf("%.6f %.2f %lld\n", seconds, (double)(frames * n * 2) / 1e6 / seconds, (long long)st.st_size);
done:
	H5Sclose(space);
	H5Pclose(list);
	H5Pclose(dxpl);
	H5Pclose(fapl);
	free(slab);
	free(pixels);
#ifndef SERIAL
	if (bad) MPI_Abort(MPI_COMM_WORLD, 1);
	MPI_Finalize();
#endif
	return bad;
}
