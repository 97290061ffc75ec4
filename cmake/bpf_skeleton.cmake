# SPDX-License-Identifier: Apache-2.0
# Kernel programs: one unit becomes one object, one skeleton results.
# Needs clang, bpftool and the uapi headers of linux-libc-dev and libbpf-dev; nothing of the running kernel.
find_program(BPF_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)

# bpf_skeleton(NAME FILE): INTERFACE target NAME_skeleton whose include directory has NAME.skel.h, with struct NAME_bpf.
function(bpf_skeleton name source)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  # -mcpu=v3: atomic compare-and-swap. -Wno-unused-function: not every program uses all of lib. -idirafter: asm/types.h of the build machine's Debian layout.
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-function -fno-strict-aliasing -MD -MF ${object}.d
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -I${PROJECT_SOURCE_DIR} -idirafter /usr/include/x86_64-linux-gnu
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Compiling kernel programs"
    VERBATIM)

  # `gen object` of one object: libbpf's own strip of its debugging sections.
  set(linked ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/include/${name}.skel.h)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/include
    COMMAND ${BPFTOOL} gen object ${linked} ${object}
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name \"$3\" > \"$4.new\" && mv \"$4.new\" \"$4\"" sh ${BPFTOOL} ${linked} ${name}_bpf ${skeleton}
    DEPENDS ${object}
    COMMENT "Writing ${name}.skel.h"
    VERBATIM)

  add_custom_target(${name}_skeleton_header DEPENDS ${skeleton})
  add_library(${name}_skeleton INTERFACE)
  add_dependencies(${name}_skeleton ${name}_skeleton_header)
  target_include_directories(${name}_skeleton SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/include)
endfunction()
