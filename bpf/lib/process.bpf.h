/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What exec and the task iterator say of a process beyond its ids. */
#ifndef SHRIKE_BPF_LIB_PROCESS_BPF_H
#define SHRIKE_BPF_LIB_PROCESS_BPF_H

#include "bpf/lib/file.bpf.h"

/* What it uses and may use. */
static __always_inline void event_process__fill_usage(struct event_process* event, struct task_struct* task) {
  event->fd_limit = task->signal->rlim[RLIMIT_NOFILE_].rlim_cur;
  event->major_faults = task->maj_flt;
  event->minor_faults = task->min_flt;
  struct mm_struct* mm = task->mm;
  if (!mm) return;
  static const __u32 kib_per_page = 4; /* x86-64 */
  event->vm_size = mm->total_vm * kib_per_page;
  event->vm_rss = (mm__pages(mm, MM_FILEPAGES) + mm__pages(mm, MM_ANONPAGES) + mm__pages(mm, MM_SHMEMPAGES)) * kib_per_page;
  event->vm_swap = mm__pages(mm, MM_SWAPENTS) * kib_per_page;
  event->args_total = mm->arg_end - mm->arg_start;
  event->env_total = mm->env_end - mm->env_start;
}

/* exe, exe_path and cwd. Flags NO_PROCESS_PATHS for kernel threads and tasks that are gone but for their entry. */
SUBPROGRAM int event_process__append_paths(struct scratch* scratch, struct event_process* event, struct task_struct* task) {
  if (!scratch || !event) return 0;
  walk__set_root(&scratch->buffer, task);
  struct file* exe = BPF_CORE_READ(task, mm, exe_file);
  if (!exe) {
    record__flag(scratch, EVENT_FLAG_NO_PROCESS_PATHS);
    return 0;
  }
  event_file__fill(&event->exe, exe);
  file_path__append(scratch, &event->exe_path, exe);
  cwd__append(scratch, &event->cwd, task);
  return 0;
}

#endif
