/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What comes from user memory. It may change between the kernel's look and ours, and a page that is not resident can't be read.
 */
#ifndef SHRIKE_BPF_LIB_USER_BPF_H
#define SHRIKE_BPF_LIB_USER_BPF_H

#include <linux/fcntl.h>

#include "bpf/lib/file.bpf.h"

/* Appends the string at `address`. True if it is a relative name, so that a base is wanted. Flags USER_UNREAD, USER_TRUNCATED. */
SUBPROGRAM bool user_string__append(struct scratch* scratch, struct blob* blob, __u64 address) {
  if (!scratch || !blob) return false;
  char* to = record__end(scratch, USER_PATH_MAX);
  if (!to) return false;
  /* One more than counts: so a string of exactly USER_PATH_MAX differs from a longer one. record[] has 8 bytes to spare. */
  const long read = bpf_probe_read_user_str(to, USER_PATH_MAX + 1, (const void*)address);
  if (read <= 0) {
    record__flag(scratch, EVENT_FLAG_USER_UNREAD);
    return false;
  }
  if (read > USER_PATH_MAX) record__flag(scratch, EVENT_FLAG_USER_TRUNCATED);
  record__take(scratch, blob, read - 1);
  return *to != '/';
}

/* The same of a copy the kernel made. */
SUBPROGRAM bool kernel_string__append(struct scratch* scratch, struct blob* blob, __u64 address) {
  if (!scratch || !blob) return false;
  char* to = record__end(scratch, USER_PATH_MAX);
  if (!to) return false;
  const long read = bpf_probe_read_kernel_str(to, USER_PATH_MAX, (const void*)address);
  if (read <= 0) return false; /* not there: no name is told */
  record__take(scratch, blob, read - 1);
  return *to != '/';
}

/* Appends the directory relative names start at: the working directory or that of `dirfd`. Flags FD_GONE. */
SUBPROGRAM int base__append(struct scratch* scratch, struct blob* blob, struct task_struct* task, int dirfd) {
  if (!scratch || !blob) return 0;
  if (dirfd == AT_FDCWD) {
    cwd__append(scratch, blob, task);
    return 0;
  }
  struct file* file = fd__file(task, dirfd);
  if (file)
    file_path__append(scratch, blob, file);
  else
    record__flag(scratch, EVENT_FLAG_FD_GONE);
  return 0;
}

/* A name as passed, and where it starts if it is relative. An absolute name needs no descriptor; of one that was passed all the
 * same, and leads somewhere, the directory is told too. */
static __always_inline void user_name__append(struct scratch* scratch, struct blob* name, struct blob* base,
                                              struct task_struct* task, int dirfd, __u64 address) {
  const bool relative = user_string__append(scratch, name, address);
  if (relative || (dirfd != AT_FDCWD && fd__file(task, dirfd))) base__append(scratch, base, task, dirfd);
}

/* Appends the first bytes of `size` at `address`. Flags USER_UNREAD. */
SUBPROGRAM int user_data__append(struct scratch* scratch, struct blob* blob, __u64 address, __u64 size) {
  if (!scratch || !blob || size == 0) return 0;
  if (size > DATA_BYTES_MAX) size = DATA_BYTES_MAX;
  void* to = record__end(scratch, DATA_BYTES_MAX);
  HIDE(size);
  if (!to || size > DATA_BYTES_MAX) return 0; /* for the verifier */
  if (bpf_probe_read_user(to, size, (const void*)address) == 0)
    record__take(scratch, blob, size);
  else
    record__flag(scratch, EVENT_FLAG_USER_UNREAD);
  return 0;
}

#endif
