/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files opened. Descriptors are looked up in the kernel, not remembered: what is told is the file the call itself returned,
 * unless another thread closed or replaced that descriptor in the meantime. */
#include <linux/openat2.h>
#include <linux/stat.h>

#include "bpf/lib/call.bpf.h"
#include "bpf/lib/open.bpf.h"

/* Flags, mode and place of the name among the arguments; returns the name's address. */
static __always_inline __u64 event_open__fill_args(struct event_open* event, const struct call* call, __u32* record_flags) {
  event->dirfd = AT_FDCWD;
  if (call->type == EVENT_TYPE_OPEN) {
    event->open_flags = (__u32)call->args[1]; /* an int: what is above it, the kernel ignored */
    event->open_mode = call->args[2];
    return call->args[0];
  }
  if (call->type == EVENT_TYPE_CREAT) {
    event->open_flags = O_CREAT | O_WRONLY | O_TRUNC; /* what creat(2) is short for */
    event->open_mode = call->args[1];
    return call->args[0];
  }
  event->dirfd = call->args[0];
  if (call->type == EVENT_TYPE_OPEN_BY_HANDLE_AT) {
    event->open_flags = (__u32)call->args[2];
    return 0; /* a handle is no name */
  }
  if (call->type == EVENT_TYPE_OPENAT) {
    event->open_flags = (__u32)call->args[2];
    event->open_mode = call->args[3];
    return call->args[1];
  }
  struct open_how how = {};
  if (bpf_probe_read_user(&how, sizeof(how), (const void*)call->args[2]) != 0) *record_flags |= EVENT_FLAG_USER_UNREAD;
  event->open_flags = how.flags;
  event->open_mode = how.mode;
  event->resolve = how.resolve;
  return call->args[1];
}

static __always_inline void event_open__fill_file(struct scratch* scratch, struct event_open* event, struct task_struct* task) {
  struct file* file = fd__file(task, event->ret);
  if (!file) {
    record__flag(scratch, EVENT_FLAG_FD_GONE);
    return;
  }
  event_open__fill_opened(scratch, event, file);
}

/* Tracing tier: kill rules on files, once they are open. Returns the decision if some rule hit. */
static __always_inline struct decision* open__decide(struct call* call) {
  if (!call || call->ret < 0) return NULL;
  struct task_struct* task = call->task;
  bool refuse; /* nothing to refuse any more: without a buffer the process lives */
  struct decision* decision = decision__begin(task, HOOK_SYS_EXIT, OPERATIONS(OPERATION_OPEN, OPERATION_OPEN), &refuse);
  if (!decision) return NULL;
  struct file* file = fd__file(task, call->ret);
  if (file) { /* else another thread closed it: it is gone, and so is what it was for */
    const bool directory = (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFDIR;
    access__apply(decision, (BPF_CORE_READ(file, f_mode) & (FMODE_READ | FMODE_WRITE)) | (directory ? ACCESS_DIRECTORY : 0));
    if (subject__apply(decision, task, task->cred->euid.val)) {
      file__apply(decision, task, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry), directory);
      if (words__any(decision->alive)) {
        decision__act(decision, OPERATION_OPEN, false);
        if (decision->verdict.rule_count != 0) return decision;
      }
    }
  }
  decision__release(decision);
  return NULL;
}

SUBPROGRAM int report_open(struct call* call, const struct decision* decision) {
  if (!call) return 0;
  struct scratch* scratch = CLASS_BEGIN(call, decision ? CLASS_VERDICT : CLASS_EVENT, EVENT_KIND_OPEN, event_open);
  if (!scratch) return 0; /* counted by record__begin */
  struct event_open* event = (struct event_open*)scratch->record;
  event->ret = call->ret;
  event->in_mount = PLACE_UNKNOWN; /* until there is a file */
  const __u64 name = event_open__fill_args(event, call, &event->header.flags);
  const bool relative = name && user_string__append(scratch, &event->name, name);
  if (call->ret >= 0)
    event_open__fill_file(scratch, event, call->task);
  else if (relative)
    base__append(scratch, &event->base, call->task, event->dirfd);
  if (!decision) return call__submit(scratch);
  if (call->unasked) event->header.flags |= EVENT_FLAG_VERDICT_ONLY;
  verdict__append(scratch, &decision->verdict);
  names__append(scratch, &event->names, &decision->names);
  verdict__submit(scratch, HOOK_SYS_EXIT);
  return 0;
}

/* The engine looks where rules' paths lead, by O_PATH: no access, and nothing else it calls openat2 for. A global function, so
 * that the verifier does not follow both kinds of caller through all that comes. */
__weak __noinline bool is_daemon(void) { return (__u32)(bpf_get_current_pid_tgid() >> 32) == policy_daemon_tgid; }

static __always_inline int handle_open(struct call* call) {
  if (call->type == EVENT_TYPE_OPENAT2 && is_daemon()) return 0;
  struct decision* decision = open_decides ? open__decide(call) : NULL;
  if (decision || !call->unasked) report_open(call, decision);
  if (decision) decision__release(decision);
  return 0;
}

SEC("tp_btf/sys_exit")
int tp_sys_exit_open(__u64* ctx) {
  struct call call = call__finished(ctx);
  const bool open = (call.type >= EVENT_TYPE_OPEN && call.type <= EVENT_TYPE_CREAT) || call.type == EVENT_TYPE_OPEN_BY_HANDLE_AT;
  return open ? handle_open(&call) : 0;
}
