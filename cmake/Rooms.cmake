# Rooms.cmake – a room is a folder of sources made into one static library, with the flags all rooms share.
add_library(c5_flags INTERFACE)
target_include_directories(c5_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(c5_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(c5_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wstrict-prototypes;-Wmissing-prototypes;-ffp-contract=off>
  $<$<AND:$<BOOL:${C5_WERROR}>,$<COMPILE_LANGUAGE:C>>:-Werror>
  # what nvcc writes for the host compiler is not pedantic
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wno-unused-function;-Xcudafe=--display_error_number>
  $<$<AND:$<BOOL:${C5_WERROR}>,$<COMPILE_LANGUAGE:CUDA>>:-Werror=all-warnings>
  $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:C>>:-Wno-maybe-uninitialized>) # at -O3 GCC asks what is set when a function returns more than 0, which none does; the dev preset keeps the warning
target_link_libraries(c5_flags INTERFACE m)
if(C5_SANITIZE)
  target_compile_options(c5_flags INTERFACE $<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:-fsanitize=address,undefined;-fno-sanitize-recover=undefined;-fno-omit-frame-pointer>)
  target_link_options(c5_flags INTERFACE -fsanitize=address,undefined)
endif()

function(c5_room name folder)
  cmake_parse_arguments(ARG "" "" "USES;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  # What is for the GPU is named so, and left out where there is no toolkit (SelectCUDA.cmake).
  if(C5_HAVE_CUDA)
    file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cu)
    list(APPEND sources ${kernels})
  else()
    list(FILTER sources EXCLUDE REGEX "/(cuda|cudnn)[a-z_]*\\.c$")
  endif()
  if(NOT sources)
    add_library(c5_${name} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(c5_${name} STATIC ${sources})
    set(scope PUBLIC)
  endif()
  if(kernels)
    target_compile_definitions(c5_${name} PRIVATE C5_HAVE_CUDA)
    target_include_directories(c5_${name} SYSTEM PRIVATE ${C5_CUDA_INCLUDE})
  endif()
  list(TRANSFORM ARG_USES PREPEND c5_)
  target_link_libraries(c5_${name} ${scope} ${ARG_USES} c5_flags ${ARG_LIBS})
endfunction()
