# SelectYAML.cmake – libyaml reads pipelines and the schema (Debian: libyaml-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_YAML_PC REQUIRED IMPORTED_TARGET yaml-0.1)
add_library(c5::yaml ALIAS PkgConfig::C5_YAML_PC)
set(C5_YAML_VERSION ${C5_YAML_PC_VERSION})
