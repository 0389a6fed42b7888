# Version.cmake – what this build is: version, commit, dirty flag and libraries, in generated/version_info.h.
# The commit is looked up at every build, and the header rewritten only when it changed.
add_custom_target(c5_version_info ALL
  COMMAND ${CMAKE_COMMAND} -DOUT=${CMAKE_BINARY_DIR}/generated/version_commit.h -DSRC=${CMAKE_SOURCE_DIR} -P ${CMAKE_SOURCE_DIR}/cmake/Commit.cmake
  BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/version_commit.h VERBATIM)
file(WRITE ${CMAKE_BINARY_DIR}/generated/version_info.h.new
"#define C5_VERSION \"${PROJECT_VERSION}\"
#define C5_BUILD_TYPE \"${CMAKE_BUILD_TYPE}\"
#define C5_COMPILER \"${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}\"
#define C5_HAVE_HDF5_VERSION \"${C5_HDF5_VERSION}\"
#define C5_HAVE_TIFF_VERSION \"${C5_TIFF_VERSION}\"
#define C5_HAVE_PNG_VERSION \"${C5_PNG_VERSION}\"
#define C5_HAVE_JPEG_VERSION \"${C5_JPEG_VERSION}\"
#define C5_HAVE_XML_VERSION \"${C5_XML_VERSION}\"
#define C5_HAVE_FFT_VERSION \"${C5_FFT_VERSION}\"
#define C5_HAVE_YAML_VERSION \"${C5_YAML_VERSION}\"
#define C5_HAVE_MPI_VERSION \"${C5_MPI_VERSION}\"
#define C5_HAVE_ONEDNN_VERSION \"${C5_ONEDNN_VERSION}\"
#define C5_HAVE_CUDA_VERSION \"${C5_CUDA_VERSION}\"
#define C5_HAVE_CUDNN_VERSION \"${C5_CUDNN_VERSION}\"
#define C5_HAVE_NLOPT_VERSION \"${C5_NLOPT_VERSION}\"
#define C5_HAVE_LAPACK_VERSION \"${C5_LAPACK_VERSION}\"
#define C5_HAVE_DEFLATE_VERSION \"${C5_DEFLATE_VERSION}\"
#define C5_HAVE_ARCHIVE_VERSION \"${C5_ARCHIVE_VERSION}\"
#define C5_HAVE_JSON_VERSION \"${C5_JSON_VERSION}\"
")
configure_file(${CMAKE_BINARY_DIR}/generated/version_info.h.new ${CMAKE_BINARY_DIR}/generated/version_info.h COPYONLY)
