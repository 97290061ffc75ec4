/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A cgroup is removed: nothing runs in it any more. */
#include "bpf/lib/cgroup_event.bpf.h"

SEC("tp_btf/cgroup_rmdir")
int tp_cgroup_rmdir(__u64* ctx) { /* (cgroup, path) */
  return cgroup__tell((struct cgroup*)ctx[0], (const char*)ctx[1], HOOK_CGROUP_RMDIR, 1);
}
