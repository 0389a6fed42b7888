# Schema.cmake – h5schema/MAJOR.MINOR/container.yml as bytes in generated/schema_text.h, made anew whenever the text changes.
# A list of bytes, not a string: C compilers need take no string literal of more than 4095 characters.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${IN} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REPLACE "0x0a," "0x0a,\n" bytes "${bytes}")
  file(WRITE ${OUT} "static const unsigned char schema_text[] = {\n${bytes}0 };\n")
else()
  set(c5_schema_yml ${CMAKE_SOURCE_DIR}/h5schema/1.0/container.yml)
  set(c5_schema_header ${CMAKE_BINARY_DIR}/generated/schema_text.h)
  add_custom_command(OUTPUT ${c5_schema_header}
    COMMAND ${CMAKE_COMMAND} -DIN=${c5_schema_yml} -DOUT=${c5_schema_header} -P ${CMAKE_SOURCE_DIR}/cmake/Schema.cmake
    DEPENDS ${c5_schema_yml} ${CMAKE_SOURCE_DIR}/cmake/Schema.cmake VERBATIM)
  add_custom_target(c5_schema_text DEPENDS ${c5_schema_header})
endif()
