/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System calls with their results: files opened, connections, links, ptrace, failed exec.
 *
 * Every call of every process passes here, so what nobody asked for leaves after one look into a table the engine writes.
 * Descriptors are looked up in the kernel, not remembered: what is told is the file the call itself returned, unless another
 * thread closed or replaced that descriptor in the meantime. */
#include <linux/openat2.h>

#include "bpf/lib/open.bpf.h"
#include "bpf/lib/sock.bpf.h"

enum {
  EINPROGRESS_ = 115,    /* include/uapi/asm-generic/errno.h */
  SOCKETCALL_CONNECT = 3 /* SYS_CONNECT in include/uapi/linux/net.h */
};

/* One finished system call. */
struct call {
  struct task_struct* task;
  __u64 args[6];
  __s64 ret;
  __u16 type; /* enum event_type */
  bool compat;
  bool unasked; /* no rule wants the event itself, only what the policy makes of it */
};

/* Arguments are still where the caller put them: the kernel changes ax only. */
static __always_inline void call__read_args(struct call* call, const struct pt_regs* regs) {
  if (call->compat) {
    call->args[0] = (__u32)regs->bx;
    call->args[1] = (__u32)regs->cx;
    call->args[2] = (__u32)regs->dx;
    call->args[3] = (__u32)regs->si;
    call->args[4] = (__u32)regs->di;
    call->args[5] = (__u32)regs->bp;
  } else {
    call->args[0] = regs->di;
    call->args[1] = regs->si;
    call->args[2] = regs->dx;
    call->args[3] = regs->r10;
    call->args[4] = regs->r8;
    call->args[5] = regs->r9;
  }
}

/* Begins the record of a call: header, type and cwd, which goes into `cwd` of the record at that offset. */
static __always_inline struct scratch* call__begin(const struct call* call, __u16 kind, __u32 size, __u32 cwd_offset) {
  struct scratch* scratch = record__begin(HOOK_SYS_EXIT, kind, size);
  if (!scratch) return NULL; /* counted by record__begin */
  event_header__fill(scratch, call->task);
  struct event_header* header = record__header(scratch);
  header->type = call->type;
  if (call->compat) header->flags |= EVENT_FLAG_COMPAT;
  walk__set_root(&scratch->buffer, call->task);
  if (capture_options & CAPTURE_CWD) cwd__append(scratch, (struct blob*)((char*)header + cwd_offset), call->task);
  return scratch;
}

#define CALL_BEGIN(call, kind, type) call__begin(call, kind, sizeof(struct type), __builtin_offsetof(struct type, cwd))

static __always_inline int call__submit(struct scratch* scratch) {
  record__submit(scratch, HOOK_SYS_EXIT, &events, events_wakeup_bytes);
  return 0;
}

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

static __noinline int report_open(struct call* call, const struct decision* decision) {
  if (!call) return 0;
  struct scratch* scratch = CALL_BEGIN(call, EVENT_KIND_OPEN, event_open);
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
  record__submit(scratch, HOOK_SYS_EXIT, &verdicts, verdicts_wakeup_bytes);
  return 0;
}

/* The engine looks where rules' paths lead, by O_PATH: no access, and nothing else it calls openat2 for. A global function, so
 * that the verifier does not follow both kinds of caller through all that comes. */
__weak __noinline bool is_own_look(__u32 type) {
  return type == EVENT_TYPE_OPENAT2 && (__u32)(bpf_get_current_pid_tgid() >> 32) == policy_daemon_tgid;
}

static __always_inline int handle_open(struct call* call) {
  if (is_own_look(call->type)) return 0;
  struct decision* decision = open_decides ? open__decide(call) : NULL;
  if (decision || !call->unasked) report_open(call, decision);
  if (decision) decision__release(decision);
  return 0;
}

/* ia32's one call for all of sockets: (which, pointer to its arguments). False: not a connect, or its arguments can't be read. */
static __always_inline bool call__unpack_socketcall(struct call* call) {
  if (call->args[0] != SOCKETCALL_CONNECT) return false;
  __u32 args[3];
  if (bpf_probe_read_user(args, sizeof(args), (const void*)call->args[1]) != 0) return false;
  call->args[0] = args[0];
  call->args[1] = args[1];
  call->args[2] = args[2];
  return true;
}

static __always_inline void event_socket__fill(struct scratch* scratch, struct event_socket* event, struct task_struct* task) {
  struct file* file = fd__file(task, event->fd);
  if (!file) {
    if (event->ret >= 0) record__flag(scratch, EVENT_FLAG_FD_GONE);
    return;
  }
  struct socket* socket = file__socket(file);
  if (!socket) return; /* family 0 says so */
  struct sock* sk = BPF_CORE_READ(socket, sk);
  if (!sk) return; /* closing: as good as no socket */
  struct event_sock* sock = &event->sock;
  sock->socket_type = BPF_CORE_READ(socket, type);
  sock->family = BPF_CORE_READ(sk, __sk_common.skc_family);
  sock->protocol = BPF_CORE_READ(sk, sk_protocol);
  const bool connected = event->ret == 0 || event->ret == -EINPROGRESS_;
  if (sock->family == FAMILY_INET || sock->family == FAMILY_INET6) {
    event_sock__fill_inet(sock, sk);
    if (connected && sock->remote_port != 0) sock->remote_family = sock->family;
  } else if (sock->family == FAMILY_UNIX && connected) {
    event_sock__fill_unix(scratch, sock, sk);
  }
}

static __noinline int report_connect(struct call* call) {
  if (!call) return 0;
  struct scratch* scratch = CALL_BEGIN(call, EVENT_KIND_SOCKET, event_socket);
  if (!scratch) return 0; /* counted by record__begin */
  struct event_socket* event = (struct event_socket*)scratch->record;
  event->ret = call->ret;
  event->fd = call->args[0];
  event_socket__fill(scratch, event, call->task);
  /* A socket that is not connected now has no remote end, or that of an earlier connect. */
  if (event->sock.remote_family == 0) event_sock__fill_user(scratch, &event->sock, call->args[1], call->args[2]);
  event->sock.role = SOCKET_ROLE_CLIENT;
  return call__submit(scratch);
}

static __noinline int report_paths(struct call* call) {
  if (!call) return 0;
  struct scratch* scratch = CALL_BEGIN(call, EVENT_KIND_PATHS, event_paths);
  if (!scratch) return 0; /* counted by record__begin */
  struct event_paths* event = (struct event_paths*)scratch->record;
  struct task_struct* task = call->task;
  event->ret = call->ret;
  int first_fd = AT_FDCWD, second_fd = AT_FDCWD;
  __u64 first = call->args[0], second = call->args[1];
  bool has_second = true;
  switch (call->type) {
    case EVENT_TYPE_SYMLINKAT:
      second_fd = call->args[1];
      second = call->args[2];
      break;
    case EVENT_TYPE_LINKAT:
      first_fd = call->args[0];
      first = call->args[1];
      second_fd = call->args[2];
      second = call->args[3];
      event->arg_flags = call->args[4];
      break;
    case EVENT_TYPE_EXECVEAT:
      first_fd = call->args[0];
      first = call->args[1];
      event->arg_flags = call->args[4];
      has_second = false;
      break;
    case EVENT_TYPE_EXECVE:
      has_second = false;
      break;
  }
  event->dirfds[0] = first_fd;
  event->dirfds[1] = second_fd;
  const bool relative = user_string__append(scratch, &event->first, first);
  const bool is_text =
      call->type == EVENT_TYPE_SYMLINK || call->type == EVENT_TYPE_SYMLINKAT; /* a link's target is no name yet */
  if (relative && !is_text) base__append(scratch, &event->first_base, task, first_fd);
  if (has_second) user_name__append(scratch, &event->second, &event->second_base, task, second_fd, second);
  return call__submit(scratch);
}

static __noinline int report_plain(struct call* call) {
  if (!call) return 0;
  struct scratch* scratch = CALL_BEGIN(call, EVENT_KIND_CALL, event_call);
  if (!scratch) return 0; /* counted by record__begin */
  struct event_call* event = (struct event_call*)scratch->record;
  event->ret = call->ret;
  event->fd = -1;
  __builtin_memcpy(event->args, call->args, sizeof(event->args));
  return call__submit(scratch);
}

/* Tracing tier: a cgroup program refused this call for a kill rule. */
static __always_inline void kill_if_doomed(void) {
  const __u64 thread = bpf_get_current_pid_tgid();
  if (!bpf_map_lookup_elem(&doomed_threads, &thread)) return; /* refused by somebody else */
  bpf_map_delete_elem(&doomed_threads, &thread);
  bpf_send_signal(SIGKILL_);
}

/* The rest of the work, for calls of a number some ABI's rules want. */
static __always_inline int report_call(const struct pt_regs* regs, __u64 nr, __s64 ret) {
  struct call call = {.task = bpf_get_current_task_btf(), .ret = ret};
  call.compat = call.task->thread_info.status & TS_COMPAT;
  const __u8 type = call.compat ? syscall_type32[nr] : syscall_type64[nr];
  call.type = type & ~SYSCALL_TYPE_DECIDE;
  call.unasked = type & SYSCALL_TYPE_DECIDE;
  if (network_kills && ret == -EPERM_) kill_if_doomed();
  call__read_args(&call, regs);
  switch (call.type) {
    case EVENT_TYPE_OPEN:
    case EVENT_TYPE_OPENAT:
    case EVENT_TYPE_OPENAT2:
    case EVENT_TYPE_CREAT:
    case EVENT_TYPE_OPEN_BY_HANDLE_AT:
      return handle_open(&call);
    case EVENT_TYPE_CONNECT:
      if (call.compat && nr == IA32_SOCKETCALL && !call__unpack_socketcall(&call))
        return 0; /* another socket call, or a failed one */
      return report_connect(&call);
    case EVENT_TYPE_EXECVE:
    case EVENT_TYPE_EXECVEAT:
      if (ret >= 0) return 0; /* sched_process_exec told it */
      return report_paths(&call);
    case EVENT_TYPE_SYMLINK:
    case EVENT_TYPE_SYMLINKAT:
    case EVENT_TYPE_LINK:
    case EVENT_TYPE_LINKAT:
      return report_paths(&call);
    case EVENT_TYPE_PTRACE:
      return report_plain(&call);
  }
  return 0; /* this number is another call in this ABI: not asked for */
}

SEC("tp_btf/sys_exit")
int tp_sys_exit(__u64* ctx) {
  const struct pt_regs* regs = (const struct pt_regs*)ctx[0]; /* (regs, ret) */
  /* x32 shares the 64-bit numbers below 512 under this bit; its own, from 512 on (execve, ptrace), are beyond the table: not
   * seen. */
  __u64 nr = regs->orig_ax & ~(__u64)X32_SYSCALL_BIT;
  if (nr >= SYSCALL_NR_MAX || !syscall_any[nr]) return 0; /* nobody asked: nothing to count */
  return report_call(regs, nr, ctx[1]);
}
