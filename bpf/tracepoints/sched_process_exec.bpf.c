/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process runs another program. Fires after the point of no return: mm, comm and credentials are the new ones. */
#include "bpf/lib/process.bpf.h"

/* The registers no longer say: by now the kernel has set orig_ax to execve's number (set_personality_64bit). But only execveat
 * has a directory, for which the kernel makes a "/dev/fd/N" name. An execveat of an absolute name or from AT_FDCWD is told as the
 * execve it amounts to. */
static __always_inline __u16 exec__type(const struct linux_binprm* bprm) {
  return bprm->fdpath ? EVENT_TYPE_EXECVEAT : EVENT_TYPE_EXECVE;
}

/* Appends argv as the process will find it: user memory, but written by the kernel a moment ago. */
static __always_inline void args__append(struct scratch* scratch, struct event_process* event, struct task_struct* task) {
  const __u64 start = BPF_CORE_READ(task, mm, arg_start);
  const __u64 total = BPF_CORE_READ(task, mm, arg_end) - start;
  event->args_total = total;
  void* to = record__end(scratch, ARGS_BYTES_MAX);
  if (!to || total == 0) return; /* no room: for the verifier; no argv: nothing to say */
  __u64 size = total;
  if (size > ARGS_BYTES_MAX) {
    size = ARGS_BYTES_MAX;
    record__flag(scratch, EVENT_FLAG_ARGS_TRUNCATED);
  }
  HIDE(size);
  if (size > ARGS_BYTES_MAX) return; /* for the verifier */
  if (bpf_probe_read_user(to, size, (const void*)start) == 0)
    record__take(scratch, &event->args, size);
  else
    record__flag(scratch, EVENT_FLAG_USER_UNREAD);
}

SEC("tp_btf/sched_process_exec")
int tp_sched_process_exec(__u64* ctx) {
  struct task_struct* task = (struct task_struct*)ctx[0]; /* (task, old_pid, bprm) */
  const struct linux_binprm* bprm = (const struct linux_binprm*)ctx[2];
  struct scratch* scratch = record__begin(HOOK_SCHED_PROCESS_EXEC, EVENT_KIND_EXEC, sizeof(struct event_process));
  if (!scratch) return 0; /* counted by record__begin */
  struct event_process* event = (struct event_process*)scratch->record;
  event_header__fill(scratch, task);
  event->header.type = exec__type(bprm);
  event_process__fill(event, task);
  event_process__append_paths(scratch, event, task);
  args__append(scratch, event, task);
  record__submit(scratch, HOOK_SCHED_PROCESS_EXEC, &processes, processes_wakeup_bytes);
  return 0;
}
