# SelectMPI.cmake – an MPI 3 library with the C bindings only (Debian: libopenmpi-dev).
set(MPI_C_SKIP_MPICXX ON)
find_package(MPI 3.0 REQUIRED COMPONENTS C)
add_library(c5::mpi ALIAS MPI::MPI_C)
execute_process(COMMAND ${MPIEXEC_EXECUTABLE} --version OUTPUT_VARIABLE c5_mpi_text ERROR_QUIET)
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" C5_MPI_VERSION "${c5_mpi_text}")
