# SelectDeflate.cmake – libdeflate packs and unpacks chunks (Debian: libdeflate-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_DEFLATE_PC REQUIRED IMPORTED_TARGET libdeflate)
add_library(c5::deflate ALIAS PkgConfig::C5_DEFLATE_PC)
set(C5_DEFLATE_VERSION ${C5_DEFLATE_PC_VERSION})
