# SelectNLopt.cmake – NLopt drives the hyper-parameter search (Debian: libnlopt-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_NLOPT_PC REQUIRED IMPORTED_TARGET nlopt)
add_library(c5::nlopt ALIAS PkgConfig::C5_NLOPT_PC)
set(C5_NLOPT_VERSION ${C5_NLOPT_PC_VERSION})
