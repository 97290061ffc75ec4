# SPDX-License-Identifier: Apache-2.0
# Kernel programs: each X.bpf.c becomes an object of its own, the linker joins them, one skeleton results.
# Needs clang, bpftool and the uapi headers of linux-libc-dev and libbpf-dev; nothing of the running kernel.
find_program(BPF_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)

# bpf_skeleton(NAME FILE…): INTERFACE target NAME_skeleton whose include directory has NAME.skel.h, with struct NAME_bpf.
function(bpf_skeleton name)
  set(objects)
  foreach(source ${ARGN})
    string(REPLACE "/" "_" stem ${source}) # file names repeat between folders
    string(REPLACE ".bpf.c" "" stem ${stem})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${stem}.bpf.o)
    # -mcpu=v3: atomic compare-and-swap. -Wno-unused-function: not every program uses all of lib. -idirafter: asm/types.h of the build machine's Debian layout.
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-function -fno-strict-aliasing -MD -MF ${object}.d
              -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -I${PROJECT_SOURCE_DIR} -idirafter /usr/include/x86_64-linux-gnu
              -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "Compiling kernel program ${source}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()

  set(linked ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
  add_custom_command(
    OUTPUT ${linked}
    COMMAND ${BPFTOOL} gen object ${linked} ${objects}
    DEPENDS ${objects}
    COMMENT "Linking kernel programs"
    VERBATIM)

  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/include/${name}.skel.h)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/include
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name \"$3\" > \"$4.new\" && mv \"$4.new\" \"$4\"" sh ${BPFTOOL} ${linked} ${name}_bpf ${skeleton}
    DEPENDS ${linked}
    COMMENT "Writing ${name}.skel.h"
    VERBATIM)

  add_custom_target(${name}_skeleton_header DEPENDS ${skeleton})
  add_library(${name}_skeleton INTERFACE)
  add_dependencies(${name}_skeleton ${name}_skeleton_header)
  target_include_directories(${name}_skeleton SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/include)
endfunction()
