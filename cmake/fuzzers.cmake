# SPDX-License-Identifier: Apache-2.0
# What `SHRIKE_FUZZ` builds: the folders that read what a stranger wrote, and tests/fuzz. No kernel part, no program.
target_compile_options(shrike_options INTERFACE
  -fsanitize=fuzzer-no-link
  # libstdc++ 12 offers std::expected only to compilers with this many concepts; clang 19 has them and says an older number.
  -Wno-builtin-macro-redefined -D__cpp_concepts=202002L)
target_compile_definitions(shrike_options INTERFACE _GLIBCXX_ASSERTIONS)

find_package(PkgConfig REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)

foreach(folder base event lang program compile match)
  add_subdirectory(engine/${folder})
endforeach()
add_subdirectory(tests/fuzz)
