# SelectTIFF.cmake – libtiff decodes and encodes TIFF (Debian: libtiff-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_TIFF_PC REQUIRED IMPORTED_TARGET libtiff-4)
add_library(c5::tiff ALIAS PkgConfig::C5_TIFF_PC)
set(C5_TIFF_VERSION ${C5_TIFF_PC_VERSION})
