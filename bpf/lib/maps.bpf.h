/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and global, __weak so that the linker makes one of the copies in each object. Sizes marked "loader" are set before
 * load. */
#ifndef SHRIKE_BPF_LIB_MAPS_BPF_H
#define SHRIKE_BPF_LIB_MAPS_BPF_H

#include "bpf/abi/event.h"
#include "bpf/lib/kernel_types.bpf.h"

/* Refusals, kills, would-blocks. No producer in the tracing tier. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* loader */
} verdicts SEC(".maps") __weak;

/* fork, exec, exit: what the process table is made of. A flood of `events` can't displace them. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* loader */
} processes SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* loader */
} events SEC(".maps") __weak;

/* By enum hook. Programs nest and are preempted: atomic adds only. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, HOOK_COUNT);
  __type(key, __u32);
  __type(value, struct hook_counters);
} hook_counters SEC(".maps") __weak;

/* State of a walk from a dentry up to a root. In the scratch slot, not on the stack: what is read back from a map is an unknown
 * number to the verifier, so one turn of the loop looks like the next. */
struct walk {
  __u64 dentry;      /* struct dentry * */
  __u64 mount;       /* struct mount * */
  __u64 mount_root;  /* its mnt_root */
  __u64 root_dentry; /* the task's root */
  __u64 root_mount;
  __u32 position; /* of the first byte in scratch.path */
  __u32 end;      /* enum walk_end */
};

/* One record in the making. */
struct scratch {
  __u32 busy; /* 0 or 1; changed by compare-and-swap */
  __u32 used; /* bytes of record[] */
  struct walk walk;
  char path[PATH_BYTES_MAX + PATH_COMPONENT_MAX +
            1]; /* filled from the right of PATH_BYTES_MAX; the rest lets the verifier see a name fits */
  __u64 record[(RECORD_BYTES_MAX + 8) / 8]; /* 8 more: the NUL behind a last user string, padding */
};

/* Slots of all CPUs, SCRATCH_PER_CPU in a row. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SCRATCH_PER_CPU); /* loader: × possible CPUs */
  __type(key, __u32);
  __type(value, struct scratch);
} scratch_pool SEC(".maps") __weak;

/* Globals the engine writes while programs run; each is one aligned load here. */
__u8 syscall_any[SYSCALL_NR_MAX] __weak;    /* non-zero: some ABI's call of this number is wanted */
__u8 syscall_type64[SYSCALL_NR_MAX] __weak; /* enum event_type, by x86-64 number */
__u8 syscall_type32[SYSCALL_NR_MAX] __weak; /* enum event_type, by ia32 number */
__u32 capture_options __weak;               /* enum capture_options */
__u64 processes_wakeup_bytes __weak;        /* the reader is woken at each multiple of so many unread bytes; 0: never */
__u64 events_wakeup_bytes __weak;

#endif
