# SPDX-License-Identifier: Apache-2.0
# What every C++ target is compiled with; one INTERFACE target, linked by all.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(SHRIKE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined)")

add_library(shrike_options INTERFACE)
# No -Wpedantic: TRY is a statement expression, and the ABI header is C.
target_compile_options(shrike_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Woverloaded-virtual -Wimplicit-fallthrough -Werror
  -fstack-protector-strong -fno-omit-frame-pointer)
target_compile_definitions(shrike_options INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
if(SHRIKE_SANITIZE)
  target_compile_options(shrike_options INTERFACE -fsanitize=${SHRIKE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(shrike_options INTERFACE -fsanitize=${SHRIKE_SANITIZE})
else()
  target_compile_definitions(shrike_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
target_link_options(shrike_options INTERFACE -Wl,-z,relro,-z,now)

# shrike_library(folder SOURCES … LINK …): one target per folder, root-relative includes only.
function(shrike_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(ARG_SOURCES)
    add_library(shrike_${name} STATIC ${ARG_SOURCES})
    target_include_directories(shrike_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(shrike_${name} PRIVATE shrike_options PUBLIC ${ARG_LINK})
  else()
    add_library(shrike_${name} INTERFACE)
    target_include_directories(shrike_${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(shrike_${name} INTERFACE ${ARG_LINK})
  endif()
  add_library(shrike::${name} ALIAS shrike_${name})
endfunction()
