/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A system call at its end: shared by the programs sys_exit goes on with. */
#ifndef SHRIKE_BPF_LIB_CALL_BPF_H
#define SHRIKE_BPF_LIB_CALL_BPF_H

#include "bpf/lib/user.bpf.h"

/* One finished system call. */
struct call {
  struct task_struct* task;
  __u64 args[6];
  __s64 ret;
  __u16 type; /* enum event_type, or the engine's own number */
  bool compat;
  bool unasked; /* no rule wants the event itself, only what the policy makes of it */
  bool unread;  /* socketcall: its arguments, which are user memory, can't be read */
};

/* How many arguments each of socketcall's calls has; net/socket.c's nargs. */
static const __u8 socketcall_counts[SOCKETCALL_MAX] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4};

/* (which, pointer to its arguments). The pointer's memory was there a moment ago, for the kernel; if it is not now, the event has
 * no arguments and says so. */
static __always_inline void call__unpack_socketcall(struct call* call) {
  const __u32 which = call->args[0];
  const void* from = (const void*)call->args[1];
  __u32 size = which < SOCKETCALL_MAX ? socketcall_counts[which] * (__u32)sizeof(__u32) : 0;
  __u32 args[6] = {};
  HIDE(size);
  if (size > sizeof(args)) return; /* for the verifier */
  call->unread = bpf_probe_read_user(args, size, from) != 0;
#pragma unroll
  for (int i = 0; i < 6; ++i) call->args[i] = args[i];
}

/* Arguments are still where the caller put them: the kernel changes ax only. */
static __always_inline void call__read_args(struct call* call, const struct pt_regs* regs) {
  if (call->compat) {
    call->args[0] = (__u32)regs->bx;
    call->args[1] = (__u32)regs->cx;
    call->args[2] = (__u32)regs->dx;
    call->args[3] = (__u32)regs->si;
    call->args[4] = (__u32)regs->di;
    call->args[5] = (__u32)regs->bp;
    if (regs->orig_ax == IA32_SOCKETCALL) call__unpack_socketcall(call);
  } else {
    call->args[0] = regs->di;
    call->args[1] = regs->si;
    call->args[2] = regs->dx;
    call->args[3] = regs->r10;
    call->args[4] = regs->r8;
    call->args[5] = regs->r9;
  }
}

/* From the context of tp_btf/sys_exit. The tables may have changed since the look that led here: then the type is another's, or
 * 0, and the program knows no such call. */
static __always_inline struct call call__finished(const __u64* ctx) {
  const struct pt_regs* regs = (const struct pt_regs*)ctx[0];
  struct call call = {.task = bpf_get_current_task_btf(), .ret = ctx[1]};
  call.compat = call.task->thread_info.status & TS_COMPAT;
  const __u16 entry = syscall__entry(regs->orig_ax & ~(__u64)X32_SYSCALL_BIT, call.compat, regs->bx);
  call.type = entry & SYSCALL_ENTRY_TYPE;
  call.unasked = entry & SYSCALL_ENTRY_DECIDE;
  call__read_args(&call, regs);
  return call;
}

/* Begins the record of a call: header, type and cwd, which goes into `cwd` of the record at that offset. */
static __always_inline struct scratch* call__begin(const struct call* call, __u32 class, __u16 kind, __u32 size,
                                                   __u32 cwd_offset) {
  struct scratch* scratch = record__begin(HOOK_SYS_EXIT, class, kind, size);
  if (!scratch) return NULL; /* counted by record__begin */
  event_header__fill(scratch, call->task);
  struct event_header* header = record__header(scratch);
  header->type = call->type;
  if (call->compat) header->flags |= EVENT_FLAG_COMPAT;
  if (call->unread) header->flags |= EVENT_FLAG_USER_UNREAD;
  walk__set_root(&scratch->buffer, call->task);
  if (capture_options & CAPTURE_CWD) cwd__append(scratch, (struct blob*)((char*)header + cwd_offset), call->task);
  return scratch;
}

#define CLASS_BEGIN(call, class, kind, type) \
  call__begin(call, class, kind, sizeof(struct type), __builtin_offsetof(struct type, cwd))
#define CALL_BEGIN(call, kind, type) CLASS_BEGIN(call, CLASS_EVENT, kind, type)

static __always_inline int call__submit(struct scratch* scratch) {
  event__submit(scratch, HOOK_SYS_EXIT);
  return 0;
}

#endif
