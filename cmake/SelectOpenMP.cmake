# SelectOpenMP.cmake – threads inside a rank (part of GCC and Clang).
find_package(OpenMP REQUIRED COMPONENTS C)
add_library(c5::openmp ALIAS OpenMP::OpenMP_C)
