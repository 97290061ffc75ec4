/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process runs another program. Fires after the point of no return: mm, comm and credentials are the new ones. */
#include "bpf/lib/decide.bpf.h"
#include "bpf/lib/exec.bpf.h"

/* argv and environment are cut at the same size. */
enum { AREA_BYTES_MAX = ARGS_BYTES_MAX };
_Static_assert(ARGS_BYTES_MAX == ENVIRONMENT_BYTES_MAX, "one function for both");

/* Appends a part of the process's memory from `start` on as `blob`: user memory, but written by the kernel a moment ago. Flags
 * USER_UNREAD. */
SUBPROGRAM int area__append(struct scratch* scratch, struct blob* blob, __u64 start, __u32 total) {
  if (!scratch || !blob) return 0;
  void* to = record__end(scratch, AREA_BYTES_MAX);
  if (!to || total == 0) return 0; /* no room: for the verifier; an empty area: nothing to say */
  __u32 size = total;
  if (size > AREA_BYTES_MAX) size = AREA_BYTES_MAX;
  HIDE(size);
  if (size > AREA_BYTES_MAX) return 0; /* for the verifier */
  if (bpf_probe_read_user(to, size, (const void*)start) == 0)
    record__take(scratch, blob, size);
  else
    record__flag(scratch, EVENT_FLAG_USER_UNREAD);
  return 0;
}

/* Tracing tier: kill rules on exec. The program has begun by now, but has run no instruction yet. Returns the decision if some
 * rule hit. */
static __always_inline struct decision* exec__decide(struct task_struct* task) {
  struct hook_counters* counters = counters__of(HOOK_SCHED_PROCESS_EXEC);
  bool refuse; /* nothing to refuse any more: without a buffer the process lives */
  struct decision* decision = decision__begin(task, HOOK_SCHED_PROCESS_EXEC, OPERATIONS(OPERATION_EXEC, OPERATION_EXEC), &refuse);
  if (!decision || !counters) return NULL;
  if (subject__apply(decision, task, task->cred->euid.val)) {
    __sync_fetch_and_add(&counters->decided, 1);
    decision__act(decision, OPERATION_EXEC, false);
    if (decision->verdict.rule_count != 0) return decision;
  }
  decision__release(decision);
  return NULL;
}

SEC("tp_btf/sched_process_exec")
int tp_sched_process_exec(__u64* ctx) {
  struct task_struct* task = (struct task_struct*)ctx[0]; /* (task, old_pid, bprm) */
  const struct linux_binprm* bprm = (const struct linux_binprm*)ctx[2];
  state__exec(task);
  struct decision* decision = exec_decides ? exec__decide(task) : NULL;
  struct scratch* scratch = record__begin(HOOK_SCHED_PROCESS_EXEC, CLASS_PROCESS, EVENT_KIND_EXEC, sizeof(struct event_process));
  if (scratch) {
    struct event_process* event = (struct event_process*)scratch->record;
    event_header__fill(scratch, task);
    event->header.type = exec__type(bprm);
    event_process__fill(event, task);
    event_process__append_paths(scratch, event, task);
    event_process__fill_usage(event, task);
    filename__append(scratch, event, bprm);
    area__append(scratch, &event->args, BPF_CORE_READ(task, mm, arg_start), event->args_total);
    if (event->args_total > ARGS_BYTES_MAX) record__flag(scratch, EVENT_FLAG_ARGS_TRUNCATED);
    if (capture_options & CAPTURE_ENVIRONMENT)
      area__append(scratch, &event->env, BPF_CORE_READ(task, mm, env_start), event->env_total);
    if (decision) verdict__append(scratch, &decision->verdict);
    process__submit(scratch, HOOK_SCHED_PROCESS_EXEC);
  } /* else counted by record__begin */
  if (decision) decision__release(decision);
  return 0;
}
