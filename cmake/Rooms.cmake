# Rooms.cmake – a room is a folder of sources made into one static library, with the flags all rooms share.
add_library(c5_flags INTERFACE)
target_include_directories(c5_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(c5_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(c5_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -ffp-contract=off
  $<$<BOOL:${C5_WERROR}>:-Werror>
  $<$<CONFIG:Release>:-Wno-maybe-uninitialized>) # at -O3 GCC asks what is set when a function returns more than 0, which none does; the dev preset keeps the warning
target_link_libraries(c5_flags INTERFACE m)
if(C5_SANITIZE)
  target_compile_options(c5_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(c5_flags INTERFACE -fsanitize=address,undefined)
endif()

function(c5_room name folder)
  cmake_parse_arguments(ARG "" "" "USES;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  if(NOT sources)
    add_library(c5_${name} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(c5_${name} STATIC ${sources})
    set(scope PUBLIC)
  endif()
  list(TRANSFORM ARG_USES PREPEND c5_)
  target_link_libraries(c5_${name} ${scope} ${ARG_USES} c5_flags ${ARG_LIBS})
endfunction()
