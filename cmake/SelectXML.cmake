# SelectXML.cmake – libxml2 reads OME-XML (Debian: libxml2-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_XML_PC REQUIRED IMPORTED_TARGET libxml-2.0)
add_library(c5::xml ALIAS PkgConfig::C5_XML_PC)
set(C5_XML_VERSION ${C5_XML_PC_VERSION})
