/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sizes shared by kernel programs and engine, each with its reason. */
#ifndef SHRIKE_BPF_ABI_LIMITS_H
#define SHRIKE_BPF_ABI_LIMITS_H

#include <linux/types.h>

enum {
  PATH_BYTES_MAX = 4096,        /* PATH_MAX of include/uapi/linux/limits.h: what the kernel's own d_path can return */
  PATH_DEPTH_MAX = 2048,        /* PATH_BYTES_MAX / 2: one-letter components; walked with bpf_loop */
  PATH_COMPONENT_MAX = 255,     /* NAME_MAX */
  USER_PATH_MAX = 4096,         /* PATH_MAX: a longer name makes the call fail with ENAMETOOLONG */
  ARGS_BYTES_MAX = 8192,        /* of argv; Falco keeps 4096 (libs, args are cut at a page). The true length is recorded */
  ENVIRONMENT_BYTES_MAX = 8192, /* likewise */
  DATA_BYTES_MAX = 80,          /* of what is sent or received: Falco's default snaplen */
  SYSCALL_NR_MAX = 512,         /* highest x86-64 number in 6.18 is 469, ia32 the same */
  SCRATCH_PER_CPU = 4,          /* task, softirq and two preempted programs at once; more is counted as lost_no_scratch */
  RECORD_BYTES_MAX = 29312,     /* event_process with two full paths, a file name, argv, environment, names and a verdict */
  EVENT_VERDICT_RULES_MAX = 32, /* rules that hit one action; more are counted */
  PLACE_UNKNOWN = 0x7fffffff,   /* event_open.in_mount: longer than any path */
  EVENT_NAMES_MAX = 8,          /* names of one object; more set EVENT_FLAG_NAMES_TRUNCATED */
  POLICY_WORDS = 16,            /* of a clause vector: 1024 clauses over all hooks; a larger plan is refused with an error */
  POLICY_RULES_MAX = 1024,      /* no rule without a clause */
  POLICY_OBJECT_TEXTS = 4,      /* paths of rules that can lead to one inode; a fifth is a warning at load */
  DECISION_BUFFERS = 512,       /* decisions under way at one moment, preempted ones too; none free falls closed */
  SOCKETCALL_MAX = 21,          /* ia32's socketcall: SYS_SENDMMSG of include/uapi/linux/net.h, and one */
  IOVECS_MAX = 1024,            /* UIO_MAXIOV: more makes the call fail */
  CONTAINER_ID_DIGITS = 64,     /* of a container id in a cgroup's name: SHA-256 in hexadecimal */
  CGROUP_DEPTH_MAX = 64,        /* systemd and Kubernetes stay below 10; a deeper one falls closed */
  COMM_BYTES = 15,              /* TASK_COMM_LEN - 1 */
  POLICY_SLOTS = 4,             /* generations whose headers can lie side by side: old, new and room */
  QUOTA_CGROUPS_MAX = 4096,     /* cgroups whose share of a ring and losses are told apart; more share one entry */
  ANCESTORS_MAX = 64            /* different names of ancestors a task remembers; as the engine's kMaxAncestors */
};

#endif
