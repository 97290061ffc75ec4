/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A cgroup is made: its container, if it is to be one, is read before anything runs in it. */
#include "bpf/lib/cgroup_event.bpf.h"

SEC("tp_btf/cgroup_mkdir")
int tp_cgroup_mkdir(__u64* ctx) { /* (cgroup, path) */
  return cgroup__tell((struct cgroup*)ctx[0], (const char*)ctx[1], HOOK_CGROUP_MKDIR, 0);
}
