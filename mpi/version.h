/* version.h – tells base/version.h which MPI library this program runs with. */
#ifndef C5_MPI_VERSION_H
#define C5_MPI_VERSION_H

void c5_mpi_versions(void);

#endif
