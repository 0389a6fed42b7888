# SelectHDF5.cmake – serial HDF5 1.10 or newer (Debian: libhdf5-dev). Parallel HDF5 is not wanted: see docs/decisions.md.
find_package(PkgConfig REQUIRED)
pkg_search_module(C5_HDF5_PC REQUIRED IMPORTED_TARGET hdf5-serial hdf5)
# Dimension scales are in the high-level library, which Debian's pkg-config file leaves out.
find_library(C5_HDF5_HL NAMES hdf5_hl hdf5_serial_hl HINTS ${C5_HDF5_PC_LIBRARY_DIRS} REQUIRED)
add_library(c5_hdf5_lib INTERFACE)
target_link_libraries(c5_hdf5_lib INTERFACE ${C5_HDF5_HL} PkgConfig::C5_HDF5_PC)
add_library(c5::hdf5 ALIAS c5_hdf5_lib)
file(GLOB_RECURSE c5_h5pub ${C5_HDF5_PC_INCLUDEDIR}/H5public.h /usr/include/hdf5/serial/H5public.h)
list(GET c5_h5pub 0 c5_h5pub)
file(STRINGS ${c5_h5pub} c5_h5info REGEX "#define H5_VERS_INFO")
string(REGEX MATCH "([0-9]+\\.[0-9]+\\.[0-9]+)" C5_HDF5_VERSION "${c5_h5info}")
