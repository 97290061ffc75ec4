/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every process there is, for a reader that comes late. A task on its way out may be freed under us: reads are safe, but may be
 * of its successor. */
#include "bpf/lib/process.bpf.h"
#include "bpf/lib/state.bpf.h"

/* Writes the record into the iterator's file instead of a ring. If its buffer is full the kernel throws this record away and
 * calls us again for the same task: then it was not begun, and its number is used again. */
static __always_inline void record__write(struct scratch* scratch, struct seq_file* file) {
  struct hook_counters* counters = counters__of(HOOK_ITER_TASK);
  if (!counters) return; /* for the verifier */
  __u32 size = record__finish(scratch);
  HIDE(size);
  if (size <= RECORD_BYTES_MAX) { /* for the verifier */
    if (bpf_seq_write(file, scratch->record, size) == 0)
      record__count_flags(record__header(scratch), counters);
    else
      __sync_fetch_and_add(&counters->produced, -1);
  }
  scratch__release(scratch);
}

SEC("iter/task")
int iter_task(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task || task->pid != task->tgid) return 0; /* the end, or a thread: no process, nothing to count */
  state__ensure(task);
  struct seq_file* file = ctx->meta->seq;
  struct scratch* scratch = record__begin(HOOK_ITER_TASK, CLASS_COUNT, EVENT_KIND_TASK, sizeof(struct event_process));
  if (!scratch) return 0; /* counted by record__begin */
  struct event_process* event = (struct event_process*)scratch->record;
  event_header__fill(scratch, task);
  event_process__fill(event, task);
  event_process__append_paths(scratch, event, task);
  event->args_total = BPF_CORE_READ(task, mm, arg_end) - BPF_CORE_READ(task, mm, arg_start);
  record__write(scratch, file);
  return 0;
}
