/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A new process, told by its parent before the child runs. */
#include "bpf/lib/state.bpf.h"

SEC("tp_btf/sched_process_fork")
int tp_sched_process_fork(__u64* ctx) {
  struct task_struct* child = (struct task_struct*)ctx[1]; /* (parent, child) */
  if (child->pid != child->tgid) return 0;                 /* a thread: no process, nothing to count */
  struct task_struct* forker = (struct task_struct*)ctx[0];
  state__fork(forker, child);
  struct scratch* scratch = record__begin(HOOK_SCHED_PROCESS_FORK, CLASS_PROCESS, EVENT_KIND_FORK, sizeof(struct event_process));
  if (!scratch) return 0; /* counted by record__begin */
  event_header__fill(scratch, child);
  struct event_process* event = (struct event_process*)scratch->record;
  event_process__fill(event, child);
  event->forker_tgid = forker->tgid;
  event->forker_start_ns = forker->group_leader->start_boottime;
  process__submit(scratch, HOOK_SCHED_PROCESS_FORK);
  return 0;
}
