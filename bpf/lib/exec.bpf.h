/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What exec is about to run, for the LSM hook that can still refuse it. */
#ifndef SHRIKE_BPF_LIB_EXEC_BPF_H
#define SHRIKE_BPF_LIB_EXEC_BPF_H

#include "bpf/lib/process.bpf.h"
#include "bpf/lib/user.bpf.h"

/* The registers no longer say: by the tracepoint's time the kernel has set orig_ax to execve's number (set_personality_64bit).
 * But only execveat has a directory, for which the kernel makes a "/dev/fd/N" name. An execveat of an absolute name or from
 * AT_FDCWD is told as the execve it amounts to. */
static __always_inline __u16 exec__type(const struct linux_binprm* bprm) {
  return BPF_CORE_READ(bprm, fdpath) ? EVENT_TYPE_EXECVEAT : EVENT_TYPE_EXECVE;
}

/* Appends the name that was executed; it is the script's where what runs is its interpreter. */
SUBPROGRAM int filename__append(struct scratch* scratch, struct event_process* event, const struct linux_binprm* bprm) {
  if (!scratch || !event) return 0;
  const char* filename = BPF_CORE_READ(bprm, filename);
  char* to = record__end(scratch, USER_PATH_MAX);
  if (!to) return 0; /* for the verifier */
  const long read = bpf_probe_read_kernel_str(to, USER_PATH_MAX, filename);
  if (read > 1) record__take(scratch, &event->filename, read - 1);
  if (BPF_CORE_READ(bprm, interp) != filename) event->script = event->filename; /* else it runs itself */
  return 0;
}

#endif
