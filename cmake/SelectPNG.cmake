# SelectPNG.cmake – libpng reads and writes PNG (Debian: libpng-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_PNG_PC REQUIRED IMPORTED_TARGET libpng)
add_library(c5::png ALIAS PkgConfig::C5_PNG_PC)
set(C5_PNG_VERSION ${C5_PNG_PC_VERSION})
