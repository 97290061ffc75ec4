/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process ends: its last thread does. Two last threads on two CPUs can both see themselves last; the reader takes the first. */
#include "bpf/lib/state.bpf.h"

/* As wait_task_zombie (kernel/exit.c) chooses. */
static __always_inline __u32 task__exit_code(struct task_struct* task) {
  struct signal_struct* signal = task->signal;
  return signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->group_leader->exit_code;
}

SEC("tp_btf/sched_process_exit")
int tp_sched_process_exit(__u64* ctx) {
  struct task_struct* task = (struct task_struct*)ctx[0];
  const __u64 thread = bpf_get_current_pid_tgid();
  bpf_map_delete_elem(&doomed_threads, &thread); /* its number will be another's */
  if (task->signal->live.counter != 0) return 0; /* other threads live: no end of a process, nothing to count */
  state__exit(task);
  struct scratch* scratch = record__begin(HOOK_SCHED_PROCESS_EXIT, CLASS_PROCESS, EVENT_KIND_EXIT, sizeof(struct event_exit));
  if (!scratch) return 0; /* counted by record__begin */
  event_header__fill(scratch, task);
  ((struct event_exit*)scratch->record)->exit_code = task__exit_code(task);
  process__submit(scratch, HOOK_SCHED_PROCESS_EXIT);
  return 0;
}
