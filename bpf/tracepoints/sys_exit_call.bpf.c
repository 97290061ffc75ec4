/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Any other call: its arguments, and what the descriptor it is about leads to. */
#include "bpf/lib/call.bpf.h"
#include "bpf/lib/sock.bpf.h"

/* Commands of bpf(2) that return a descriptor; include/uapi/linux/bpf.h. Of any other, 0 is no descriptor. */
#define BPF_DESCRIPTORS                                                                                                   \
  (1ULL << BPF_MAP_CREATE | 1ULL << BPF_PROG_LOAD | 1ULL << BPF_OBJ_GET | 1ULL << BPF_PROG_GET_FD_BY_ID |                 \
   1ULL << BPF_MAP_GET_FD_BY_ID | 1ULL << BPF_RAW_TRACEPOINT_OPEN | 1ULL << BPF_BTF_LOAD | 1ULL << BPF_BTF_GET_FD_BY_ID | \
   1ULL << BPF_LINK_CREATE | 1ULL << BPF_LINK_GET_FD_BY_ID | 1ULL << BPF_ENABLE_STATS | 1ULL << BPF_ITER_CREATE |         \
   1ULL << 36 /* BPF_TOKEN_CREATE, 6.9 */)

enum { OBJECT_NAME_MAX = 64 /* "pid_for_children:[4026531836]" is the longest kind */ };

/* The descriptor a call is about, -1: none. */
static __always_inline __s32 call__descriptor(const struct call* call) {
  const __s32 returned = call->ret >= 0 ? call->ret : -1;
  switch (call->type) {
    case EVENT_TYPE_SOCKET:
    case EVENT_TYPE_USERFAULTFD:
      return returned;
    case EVENT_TYPE_BPF:
      return call->args[0] < 64 && (BPF_DESCRIPTORS >> call->args[0] & 1) ? returned : -1;
    case EVENT_TYPE_DUP:
    case EVENT_TYPE_DUP2:
    case EVENT_TYPE_DUP3:
      return returned >= 0 ? returned : (__s32)call->args[0];
    case EVENT_TYPE_CLOSE:
    case EVENT_TYPE_FCHMOD:
    case EVENT_TYPE_SETNS:
    case EVENT_TYPE_FINIT_MODULE:
      return call->args[0];
  }
  return -1;
}

/* Names of objects that have no path, as /proc/PID/fd shows them but for the word anon_inode. The rest has its name in its
 * dentry. */
static __always_inline bool object_name__append(struct scratch* scratch, struct blob* blob, struct file* file) {
  static const char numbered[] = "%s:[%lu]";
  static const char pidfd[] = "[pidfd]"; /* what it was called before it had a file system of its own */
  const struct inode* inode = BPF_CORE_READ(file, f_inode);
  const struct ns_common* namespace = BPF_CORE_READ(inode, i_private);
  __u64 arguments[2] = {(__u64) "pipe", BPF_CORE_READ(inode, i_ino)};
  const __u64 magic = BPF_CORE_READ(inode, i_sb, s_magic);
  char* to = record__end(scratch, OBJECT_NAME_MAX);
  if (!to || (magic != PIPEFS_MAGIC && magic != NSFS_MAGIC && magic != PIDFS_MAGIC)) return false;
  if (magic == PIDFS_MAGIC) {
    __builtin_memcpy(to, pidfd, sizeof(pidfd));
    record__take(scratch, blob, sizeof(pidfd) - 1);
    return true;
  }
  if (magic == NSFS_MAGIC) arguments[0] = (__u64)BPF_CORE_READ(namespace, ops, name);
  const long size = bpf_snprintf(to, OBJECT_NAME_MAX, numbered, arguments, sizeof(arguments));
  if (size > 1 && size <= OBJECT_NAME_MAX) record__take(scratch, blob, size - 1);
  return true;
}

SUBPROGRAM int event_call__fill_file(struct scratch* scratch, struct event_call* event, struct file* file) {
  if (!scratch || !event) return 0;
  event_file__fill(&event->file, file);
  event_sock__fill(scratch, &event->sock, file);
  if ((event->file.mode & S_IFMT) == S_IFSOCK) return 0;
  if (!object_name__append(scratch, &event->path, file)) file_path__append(scratch, &event->path, file);
  return 0;
}

SEC("tp_btf/sys_exit")
int tp_sys_exit_call(__u64* ctx) {
  struct call call = call__finished(ctx);
  if (call.type == EVENT_TYPE_NONE) return 0;
  struct scratch* scratch = CALL_BEGIN(&call, EVENT_KIND_CALL, event_call);
  if (!scratch) return 0; /* counted by record__begin */
  struct event_call* event = (struct event_call*)scratch->record;
  event->ret = call.ret;
  __builtin_memcpy(event->args, call.args, sizeof(event->args));
  event->fd = call__descriptor(&call);
  if (event->fd >= 0 && call.type != EVENT_TYPE_CLOSE) {
    struct file* file = fd__file(call.task, event->fd);
    if (file) {
      event_call__fill_file(scratch, event, file);
    } else {
      event->fd = -1;
      if (call.ret >= 0) record__flag(scratch, EVENT_FLAG_FD_GONE);
    }
  }
  if (call.type == EVENT_TYPE_INIT_MODULE) {
    if (capture_options & CAPTURE_DATA) user_data__append(scratch, &event->data, call.args[0], call.args[1]);
    user_string__append(scratch, &event->text, call.args[2]);
  } else if (call.type == EVENT_TYPE_FINIT_MODULE) {
    user_string__append(scratch, &event->text, call.args[1]);
  }
  return call__submit(scratch);
}
