/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System calls with their results: the entrance.
 *
 * Every call of every process passes here, so what nobody asked for leaves after one look into a table the engine writes. The
 * rest goes on by a tail call to the program that knows this kind of call: sys_exit_open, _socket, _paths, _call. */
#include "bpf/lib/task.bpf.h"

/* Tracing tier: a cgroup program refused this call for a kill rule. */
static __always_inline void kill_if_doomed(void) {
  const __u64 thread = bpf_get_current_pid_tgid();
  if (!bpf_map_lookup_elem(&doomed_threads, &thread)) return; /* refused by somebody else */
  bpf_map_delete_elem(&doomed_threads, &thread);
  bpf_send_signal(SIGKILL_);
}

SEC("tp_btf/sys_exit")
int tp_sys_exit(__u64* ctx) {
  const struct pt_regs* regs = (const struct pt_regs*)ctx[0]; /* (regs, ret) */
  /* x32 shares the 64-bit numbers below 512 under this bit; its own, from 512 on (execve, ptrace, sendmsg), are beyond the table:
   * not seen. */
  const __u64 nr = regs->orig_ax & ~(__u64)X32_SYSCALL_BIT;
  if (nr >= SYSCALL_NR_MAX || !syscall_any[nr]) return 0; /* nobody asked: nothing to count */
  if (network_kills && (__s64)ctx[1] == -EPERM_) kill_if_doomed();
  const bool compat = bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
  const __u16 entry = syscall__entry(nr, compat, regs->bx);
  /* Returns only for 0, a number that is another call in this ABI: the loader filled all others before it attached this. */
  bpf_tail_call(ctx, &call_programs, entry >> SYSCALL_ENTRY_PROGRAM & 7);
  return 0;
}
