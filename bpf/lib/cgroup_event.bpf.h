/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of cgroups: what the two tracepoints share. */
#ifndef SHRIKE_BPF_LIB_CGROUP_EVENT_BPF_H
#define SHRIKE_BPF_LIB_CGROUP_EVENT_BPF_H

#include "bpf/lib/task.bpf.h"

/* `path`: a buffer of the kernel's, made for the tracepoint; of cgroups and their names nothing is user memory. */
static __always_inline int cgroup__tell(struct cgroup* cgroup, const char* path, __u32 hook, __u32 removed) {
  if (cgroup->root->hierarchy_id != 0) return 0; /* a v1 hierarchy, which no id of ours is about: nothing to count */
  struct scratch* scratch = record__begin(hook, CLASS_PROCESS, EVENT_KIND_CGROUP, sizeof(struct event_cgroup));
  if (!scratch) return 0; /* counted by record__begin */
  event_header__fill(scratch, bpf_get_current_task_btf());
  struct event_cgroup* event = (struct event_cgroup*)scratch->record;
  event->id = cgroup->kn->id;
  event->removed = removed;
  char* to = record__end(scratch, PATH_BYTES_MAX);
  if (to) { /* for the verifier */
    const long read = bpf_probe_read_kernel_str(to, PATH_BYTES_MAX, path);
    if (read > 1 && read < PATH_BYTES_MAX)
      record__take(scratch, &event->path, read - 1);
    else
      record__flag(scratch, EVENT_FLAG_PATH_TRUNCATED); /* the reader looks the path up by the id */
  }
  record__submit(scratch, hook, CLASS_PROCESS, &processes, 1); /* wakes the reader: what it has to read may soon be gone */
  return 0;
}

#endif
