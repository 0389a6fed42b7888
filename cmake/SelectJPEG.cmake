# SelectJPEG.cmake – libjpeg reads JPEG (Debian: libjpeg62-turbo-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_JPEG_PC REQUIRED IMPORTED_TARGET libjpeg)
add_library(c5::jpeg ALIAS PkgConfig::C5_JPEG_PC)
set(C5_JPEG_VERSION ${C5_JPEG_PC_VERSION})
