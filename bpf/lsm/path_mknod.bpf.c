/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* May this file be made? Only for opens with O_CREAT, so that a refused one leaves no file behind; file_open, which follows, is
 * the guard. What the open is for is no kernel object here, but the flags its caller passed: in registers, of openat2 in user
 * memory, of io_uring not to be had. A caller who lies gets an empty file and is refused by file_open.
 *
 * Only refusals are told and counted here: if nothing refuses, file_open sees the same action. */
#include <linux/openat2.h>

#include "bpf/lib/open.bpf.h"

/* enum policy_access, or ACCESS_UNKNOWN. */
static __always_inline __u32 call__access(struct task_struct* task, const struct call_type* call) {
  if (!call->syscall) return ACCESS_UNKNOWN;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  const bool compat = task->thread_info.status & TS_COMPAT;
  __u64 flags = O_WRONLY; /* creat */
  if (call->type == EVENT_TYPE_OPEN) flags = compat ? BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si);
  if (call->type == EVENT_TYPE_OPENAT) flags = BPF_CORE_READ(regs, dx);
  if (call->type == EVENT_TYPE_OPENAT2) {
    struct open_how how = {};
    const __u64 address = BPF_CORE_READ(regs, dx);
    if (bpf_probe_read_user(&how, sizeof(how), (const void*)address) != 0) return ACCESS_UNKNOWN;
    flags = how.flags;
  }
  return ((flags + 1) & O_ACCMODE) & (ACCESS_READ | ACCESS_WRITE); /* as OPEN_FMODE (include/linux/fs.h) */
}

static __always_inline void mknod__report(struct task_struct* task, const struct path* directory, struct dentry* dentry,
                                          const struct call_type* call, const struct decision* decision, __u32 access) {
  struct scratch* scratch;
  struct event_open* event = open_record__begin(&scratch, HOOK_PATH_MKNOD, task, call, decision, true);
  if (!event) return; /* counted by record__begin */
  event->open_flags = O_CREAT;
  event->fmode = access == ACCESS_UNKNOWN ? 0 : access;
  path__append(scratch, &event->path, BPF_CORE_READ(directory, mnt), dentry);
  open_record__submit(scratch, HOOK_PATH_MKNOD, true);
}

SEC("lsm/path_mknod")
int lsm_path_mknod(__u64* ctx) {
  const struct path* directory = (const struct path*)ctx[0];
  struct dentry* dentry = (struct dentry*)ctx[1];
  const __u16 mode = ctx[2];
  if ((mode & S_IFMT) != S_IFREG && (mode & S_IFMT) != 0) return 0; /* mknod of a node, bind: not an opening */
  struct task_struct* task = bpf_get_current_task_btf();
  const struct call_type call = call__of_open();
  if (!call.syscall && !call.uring) return 0; /* mknod, or the kernel on its own: not an opening */

  bool refuse;
  struct decision* decision = decision__begin(task, HOOK_PATH_MKNOD, OPERATIONS(OPERATION_OPEN, OPERATION_OPEN), &refuse);
  if (!decision) return hook__result(refuse); /* 0: no clause can hit */
  const __u32 access = call__access(task, &call);
  access__apply(decision, access);
  if (subject__apply(decision, task, BPF_CORE_READ(task, cred, euid.val))) {
    file__apply(decision, task, BPF_CORE_READ(directory, mnt), dentry, false);
    if (words__any(decision->alive)) {
      decision__classify(decision, false);
      if (decision->verdict.decider != ~0U) {
        refuse = decision__act(decision, OPERATION_OPEN, true);
        mknod__report(task, directory, dentry, &call, decision, access);
      }
    }
  }
  decision__release(decision);
  return hook__result(refuse); /* 0: file_open decides */
}
