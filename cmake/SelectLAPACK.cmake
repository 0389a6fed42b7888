# SelectLAPACK.cmake – LAPACKE and CBLAS factorise the covariances of the search's Gaussian process (Debian: liblapacke-dev).
# Reference BLAS does: matrices are small, and one thread gives the same bits anywhere. OpenBLAS is taken where Debian's alternatives put it.
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_LAPACK_PC REQUIRED IMPORTED_TARGET lapacke blas)
add_library(c5::lapack ALIAS PkgConfig::C5_LAPACK_PC)
set(C5_LAPACK_VERSION ${C5_LAPACK_PC_lapacke_VERSION})
