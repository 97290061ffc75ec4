// SPDX-License-Identifier: Apache-2.0
// System calls through the 32-bit entry, from a 64-bit program: int 0x80, with memory below 4 GiB.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

// Memory both entries can be given; null: there is none.
static inline void* low_memory(size_t size) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

// No sixth argument: it is in rbp, which is the frame's.
static inline long ia32_call(long number, const uintptr_t arguments[5]) {
  long ret = number;
  __asm__ volatile("int $0x80"
                   : "+a"(ret)
                   : "b"(arguments[0]), "c"(arguments[1]), "d"(arguments[2]), "S"(arguments[3]), "D"(arguments[4])
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)ret;
}
