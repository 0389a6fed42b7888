# SelectJSON.cmake – json-c reads the lineages of .trk files (Debian: libjson-c-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_JSON_PC REQUIRED IMPORTED_TARGET json-c)
add_library(c5::json ALIAS PkgConfig::C5_JSON_PC)
set(C5_JSON_VERSION ${C5_JSON_PC_VERSION})
