/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and global, __weak so that the linker makes one of the copies in each object. Sizes marked "loader" are set before
 * load. */
#ifndef SHRIKE_BPF_LIB_MAPS_BPF_H
#define SHRIKE_BPF_LIB_MAPS_BPF_H

#include "bpf/abi/policy.h"
#include "bpf/lib/kernel_types.bpf.h"

/* Refusals, kills, would-blocks. */
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

/* By enum record_class. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, CLASS_COUNT);
  __type(key, __u32);
  __type(value, struct class_counters);
} class_counters SEC(".maps") __weak;

/* By cgroup id. The engine makes the entry 0, and takes out those whose cgroup is gone. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, QUOTA_CGROUPS_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u64);
  __type(value, struct cgroup_share);
} cgroup_shares SEC(".maps") __weak;

/* State of a walk from a dentry up to a root. In a map, not on the stack: what is read back from a map is an unknown
 * number to the verifier, so one turn of the loop looks like the next. */
struct walk {
  __u64 dentry;      /* struct dentry * */
  __u64 mount;       /* struct mount * */
  __u64 mount_root;  /* its mnt_root */
  __u64 root_dentry; /* the task's root */
  __u64 root_mount;
  __u64 top;      /* where the walk left the mount it began in: its root, or the task's; 0: it did not */
  __u32 in_mount; /* bytes written until then */
  __u32 position; /* of the first byte in path */
  __u32 end;      /* enum walk_end */
  __u32 reserved;
};

/* A path in the making. */
struct path_buffer {
  struct walk walk;
  char path[PATH_BYTES_MAX + PATH_COMPONENT_MAX +
            1]; /* filled from the right of PATH_BYTES_MAX; the rest lets the verifier see a name fits */
};

/* One record in the making. */
struct scratch {
  __u32 busy; /* 0 or 1; changed by compare-and-swap */
  __u32 used; /* bytes of record[] */
  struct path_buffer buffer;
  __u64 record[(RECORD_BYTES_MAX + 8) / 8]; /* 8 more: the NUL behind a last user string, padding */
};

/* Slots of all CPUs, SCRATCH_PER_CPU in a row. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SCRATCH_PER_CPU); /* loader: × possible CPUs */
  __type(key, __u32);
  __type(value, struct scratch);
} scratch_pool SEC(".maps") __weak;

/* What sys_exit goes on with, by enum call_program; the loader fills it before anything is attached. */
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, CALL_PROGRAM_COUNT);
  __type(key, __u32);
  __type(value, __u32);
} call_programs SEC(".maps") __weak;

/* --- decisions: bpf/abi/policy.h */

/* By generation % POLICY_SLOTS. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, POLICY_SLOTS);
  __type(key, __u32);
  __type(value, struct policy_header);
} policy_headers SEC(".maps") __weak;

/* By slot * POLICY_WORDS * 64 + bit. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, POLICY_SLOTS* POLICY_WORDS * 64);
  __type(key, __u32);
  __type(value, struct policy_clause);
} policy_clauses SEC(".maps") __weak;

/* By slot * POLICY_RULES_MAX + rule. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, POLICY_SLOTS* POLICY_RULES_MAX);
  __type(key, __u32);
  __type(value, struct policy_rule_counters);
} rule_counters SEC(".maps") __weak;

/* Two generations lie side by side while one replaces the other. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 17); /* loader */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct policy_key);
  __type(value, struct policy_entry);
} policy_index SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 1 << 17); /* loader */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct policy_range_key);
  __type(value, struct policy_vector);
} policy_ranges SEC(".maps") __weak;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 17); /* loader */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct policy_object_key);
  __type(value, struct policy_object);
} policy_objects SEC(".maps") __weak;

struct task_key {
  __u64 start_ns; /* of the thread group leader */
  __u32 tgid;
  __u32 reserved;
};

/* What decisions know of a process beyond the moment: names as hashes (text__hash), vectors of the program and its ancestry. */
struct task_state {
  __u64 name;
  __u64 pname;
  __u64 exec_id;    /* task->self_exec_id the name is of */
  __u32 generation; /* of the vectors; 0: none */
  __u32 writer;     /* 1: somebody writes the vectors; changed by compare-and-swap */
  __u32 ancestor_count;
  __u32 flags;                    /* enum task_state_flags */
  __u64 ancestors[ANCESTORS_MAX]; /* each name once, the parent's too */
  __u64 program[POLICY_WORDS];
  __u64 ancestry[POLICY_WORDS];
};

enum task_state_flags {
  TASK_STATE_PARENT = 1 << 0,       /* pname is known */
  TASK_STATE_ANCESTORS_CUT = 1 << 1 /* there were more names than ANCESTORS_MAX */
};

/* Not task storage: that can't be had in the middle of some tasks on 6.1 with full preemption. Entries end with their process. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 18); /* loader */
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct task_key);
  __type(value, struct task_state);
} task_states SEC(".maps") __weak;

/* What a scan over a text finds. In a map for the verifier's sake, like struct walk. */
struct text_scan {
  __u64 hash;  /* of what was read so far */
  __u64 leaf;  /* of what follows the last slash */
  __u64 comm;  /* of the first COMM_BYTES of that */
  __u64 below; /* hash of the deepest "…/" the index has, 0: none */
  __u32 position;
  __u32 end;
  __u32 leaf_at;   /* position of the leaf */
  __u32 hex_run;   /* hexadecimal digits in a row */
  __u32 container; /* a run of CONTAINER_ID_DIGITS was seen */
  __u32 field;     /* look up prefixes of this field; FIELD_COUNT: none */
};

struct object_walk {
  __u64 dentry;
  __u32 field;
  __u32 levels;
  __u32 end; /* enum walk_end */
  __u32 reserved;
};

/* One decision under way. */
struct decision {
  __u32 busy; /* 0 or 1; changed by compare-and-swap */
  __u32 generation;
  __u32 slot;
  __u32 hook;
  __u32 fields; /* some clause asks for these */
  __u32 flags;  /* enum event_verdict_flags */
  __u64 alive[POLICY_WORDS];
  __u64 plus[POLICY_WORDS];
  __u64 minus[POLICY_WORDS];
  __u64 program[POLICY_WORDS];
  __u64 ancestry[POLICY_WORDS];
  /* classification of what survived */
  __u32 last_rule;   /* + 1 */
  __u32 vetoed_unit; /* + 1 */
  __u32 blocker, killer;
  __u32 counts; /* hits go into rule_counters */
  __u32 reserved;
  struct event_verdict verdict;
  struct event_names names;
  struct object_walk objects;
  struct text_scan scan;
  struct task_state state; /* of a task that has none */
  char leaf[PATH_COMPONENT_MAX + 1];
  struct path_buffer buffer;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, DECISION_BUFFERS); /* loader, for tests */
  __type(key, __u32);
  __type(value, struct decision);
} decisions SEC(".maps") __weak;

struct cgroup_entry {
  __u64 below; /* text_scan.below */
  __u64 hash;
  __u32 generation;
  __u32 container;
  __u32 unsure; /* too deep to be told */
  __u32 reserved;
};

/* By cgroup id, which is not used twice. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096); /* two generations of what a large host runs; the rest is computed again */
  __type(key, __u64);
  __type(value, struct cgroup_entry);
} cgroup_entries SEC(".maps") __weak;

/* Tracing tier: threads a cgroup program refused and that are to die; it can't kill, sys_exit can. By pid_tgid. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, __u64);
  __type(value, __u32);
} doomed_threads SEC(".maps") __weak;

__u32 policy_generation __weak;     /* 0: no policy. The one store that puts a policy in force */
__u32 policy_daemon_tgid __weak;    /* never refused */
__u64 policy_scope_cgroup __weak;   /* decisions are about tasks in or below this cgroup id; 0: all */
__u64 text_seed __weak;             /* set before load */
__u32 lsm_open_types __weak;        /* bit per enum event_type: allowed opens that file_open tells, where sys_exit does not */
__u32 exec_decides __weak;          /* tracing tier: sched_process_exec decides about execs */
__u32 open_decides __weak;          /* tracing tier: sys_exit decides about opens */
__u32 network_kills __weak;         /* doomed_threads is in use */
__u64 verdicts_wakeup_bytes __weak; /* as below */

/* Globals the engine writes while programs run; each is one aligned load here. */
__u8 syscall_any[SYSCALL_NR_MAX] __weak;      /* non-zero: some ABI's call of this number is wanted */
__u16 syscall_type64[SYSCALL_NR_MAX] __weak;  /* enum syscall_entry, by x86-64 number */
__u16 syscall_type32[SYSCALL_NR_MAX] __weak;  /* the same by ia32 number */
__u16 socketcall_type[SOCKETCALL_MAX] __weak; /* the same by the first argument of ia32's socketcall */
__u32 capture_options __weak;                 /* enum capture_options */
__u64 processes_wakeup_bytes __weak;          /* the reader is woken at each multiple of so many unread bytes; 0: never */
__u64 events_wakeup_bytes __weak;
__u64 quota_above __weak; /* unread bytes in `events` up to which nobody is asked for his share; ~0: no quota */

#endif
