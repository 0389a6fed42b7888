# SelectArchive.cmake – libarchive reads and writes the tars of .trk files and zips of ImageJ ROIs (Debian: libarchive-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_ARCHIVE_PC REQUIRED IMPORTED_TARGET libarchive)
add_library(c5::archive ALIAS PkgConfig::C5_ARCHIVE_PC)
set(C5_ARCHIVE_VERSION ${C5_ARCHIVE_PC_VERSION})
