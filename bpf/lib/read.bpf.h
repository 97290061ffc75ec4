/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loads of kernel memory. Where the kernel can be told the type of a plain number (bpf_rdonly_cast, since 6.2) each is one
 * instruction that yields 0 on a bad address; elsewhere a call of a helper with the same result, five to ten times the cost,
 * which is most of what a record costs. */
#ifndef SHRIKE_BPF_LIB_READ_BPF_H
#define SHRIKE_BPF_LIB_READ_BPF_H

#include "bpf/lib/kernel_types.bpf.h"

extern void* bpf_rdonly_cast(const void* object, __u32 type) __ksym __weak;

const volatile __u8 has_cast __weak; /* loader, which has tried it; false: the verifier never sees a branch that casts */

/* `pointer` as READ wants it: a number from a map or an array becomes a pointer the verifier knows as one to `type`. */
#define TYPED(type, pointer) \
  ((type*)(has_cast ? bpf_rdonly_cast((const void*)(pointer), bpf_core_type_id_kernel(type)) : (void*)(pointer)))

/* A field of what a typed pointer leads to; what it loads, if a pointer, is typed too. */
#define READ(pointer, field)                                       \
  ({                                                               \
    __auto_type read_from = (pointer);                             \
    has_cast ? read_from->field : BPF_CORE_READ(read_from, field); \
  })

/* The pointer that lies at `address`, a plain number: as the first member of a type that begins with one. */
static __always_inline void* pointer__read(const void* address) {
  void* pointer = NULL;
  if (has_cast)
    pointer = TYPED(struct list_head, address)->next;
  else
    bpf_probe_read_kernel(&pointer, sizeof(pointer), address);
  return pointer;
}

#endif
