/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records the kernel programs write and the engine reads: one header, two compilers.
 *
 * Every record is a fixed struct followed by packed bytes; a `struct blob` says where. Host byte order, 8-aligned.
 * BPF objects and engine ship together, so there is one version; the engine refuses any other.
 */
#ifndef SHRIKE_BPF_ABI_EVENT_H
#define SHRIKE_BPF_ABI_EVENT_H

#include "bpf/abi/limits.h"

#ifdef __cplusplus
#define WIRE_ASSERT(condition, text) static_assert(condition, text)
#else
#define WIRE_ASSERT(condition, text) _Static_assert(condition, text)
#endif

enum { ABI_VERSION = 4 };

/* The layout of a record. */
enum event_kind {
  EVENT_KIND_TASK = 1,   /* struct event_process, from the task iterator: a task that was there before us */
  EVENT_KIND_EXEC,       /* struct event_process */
  EVENT_KIND_FORK,       /* struct event_process; header and fields describe the child; no paths, no args */
  EVENT_KIND_EXIT,       /* struct event_exit */
  EVENT_KIND_OPEN,       /* struct event_open */
  EVENT_KIND_SOCKET,     /* struct event_socket: connect, accept, listen, bind, sends, receives */
  EVENT_KIND_PATHS,      /* struct event_paths: calls about names, failed execve and execveat among them */
  EVENT_KIND_CALL,       /* struct event_call: every other system call */
  EVENT_KIND_EXEC_CHECK, /* struct event_process of the program that is to run; header: its caller. Only with a verdict */
  EVENT_KIND_CGROUP,     /* struct event_cgroup; header: who made or removed it */
  EVENT_KIND_COUNT
};

/* What happened, by the name rules use for it (evt.type). Independent of architecture and ABI of the caller. */
enum event_type {
  EVENT_TYPE_NONE = 0, /* not a system call: task, fork, exit; in sys_exit's table: nobody asked for this call */
  EVENT_TYPE_EXECVE,
  EVENT_TYPE_EXECVEAT,
  EVENT_TYPE_OPEN,
  EVENT_TYPE_OPENAT,
  EVENT_TYPE_OPENAT2,
  EVENT_TYPE_CREAT,
  EVENT_TYPE_CONNECT,
  EVENT_TYPE_SYMLINK,
  EVENT_TYPE_SYMLINKAT,
  EVENT_TYPE_LINK,
  EVENT_TYPE_LINKAT,
  EVENT_TYPE_PTRACE,
  EVENT_TYPE_OPEN_BY_HANDLE_AT,
  EVENT_TYPE_SENDTO,
  EVENT_TYPE_SENDMSG,
  EVENT_TYPE_SENDMMSG,
  EVENT_TYPE_BIND,
  EVENT_TYPE_ACCEPT,
  EVENT_TYPE_ACCEPT4,
  EVENT_TYPE_LISTEN,
  EVENT_TYPE_RECVFROM,
  EVENT_TYPE_RECVMSG,
  EVENT_TYPE_SOCKET,
  EVENT_TYPE_RENAME,
  EVENT_TYPE_RENAMEAT,
  EVENT_TYPE_RENAMEAT2,
  EVENT_TYPE_RMDIR,
  EVENT_TYPE_UNLINK,
  EVENT_TYPE_UNLINKAT,
  EVENT_TYPE_MKDIR,
  EVENT_TYPE_MKDIRAT,
  EVENT_TYPE_CHMOD,
  EVENT_TYPE_FCHMODAT,
  EVENT_TYPE_FCHMOD,
  EVENT_TYPE_DUP,
  EVENT_TYPE_DUP2,
  EVENT_TYPE_DUP3,
  EVENT_TYPE_CLOSE,
  EVENT_TYPE_SETNS,
  EVENT_TYPE_UNSHARE,
  EVENT_TYPE_SETUID,
  EVENT_TYPE_BPF,
  EVENT_TYPE_USERFAULTFD,
  EVENT_TYPE_INIT_MODULE,
  EVENT_TYPE_FINIT_MODULE,
  EVENT_TYPE_COUNT /* from here on: generic calls, a record of kind CALL under the engine's own number */
};

/* Where a record was made; index of the counters. */
enum hook {
  HOOK_SCHED_PROCESS_EXEC = 0,
  HOOK_SCHED_PROCESS_FORK,
  HOOK_SCHED_PROCESS_EXIT,
  HOOK_SYS_EXIT,
  HOOK_ITER_TASK,
  HOOK_BPRM_CREDS_FROM_FILE, /* LSM: the full tier */
  HOOK_FILE_OPEN,
  HOOK_PATH_MKNOD,
  HOOK_SOCKET_CONNECT,
  HOOK_SOCKET_SENDMSG,
  HOOK_SOCKET_BIND,
  HOOK_CGROUP_CONNECT, /* cgroup programs: what the tracing tier can refuse */
  HOOK_CGROUP_SENDMSG,
  HOOK_CGROUP_BIND,
  HOOK_IO_URING,     /* tracing tier: what io_uring opened */
  HOOK_CGROUP_MKDIR, /* tracepoints: the life of cgroups */
  HOOK_CGROUP_RMDIR,
  HOOK_COUNT
};

/* event_header.flags: what a record could not say. Each is also counted, see struct hook_counters. */
enum event_flags {
  EVENT_FLAG_COMPAT = 1 << 0, /* the call came through the 32-bit entry */
  EVENT_FLAG_PATH_TRUNCATED =
      1 << 1, /* a kernel path was longer than PATH_BYTES_MAX or deeper than PATH_DEPTH_MAX: its front is missing */
  EVENT_FLAG_PATH_UNREACHABLE = 1 << 2, /* the object does not lie below the task's root: the path is the host's */
  EVENT_FLAG_ARGS_TRUNCATED = 1 << 3,   /* args_total > args.size */
  EVENT_FLAG_USER_UNREAD = 1 << 4,      /* user memory could not be read (page not resident): the blob is empty */
  EVENT_FLAG_USER_TRUNCATED = 1 << 5,   /* a user string was longer than USER_PATH_MAX */
  EVENT_FLAG_FD_GONE = 1 << 6,          /* the returned fd no longer leads to a file: another thread closed it */
  EVENT_FLAG_NO_PROCESS_PATHS = 1 << 7, /* mm or exe file missing (kernel thread, dying task) */
  EVENT_FLAG_NAMES_TRUNCATED = 1 << 8,  /* the object has more names than EVENT_NAMES_MAX */
  EVENT_FLAG_VERDICT_ONLY = 1 << 9,     /* sys_exit or sched_process_exec tells the event itself: alert rules wait for that */
  EVENT_FLAG_ASSUMED = 1 << 10,         /* ret is not the call's: every LSM allowed it, so success is assumed */
  EVENT_FLAG_URING = 1 << 11            /* io_uring's: no system call of this type was made */
};

struct blob {
  __u32 offset; /* from the start of the record */
  __u32 size;   /* bytes, no terminating NUL */
};

/* Credentials at the time of the event; ids are those of the initial user namespace. Kernel: struct cred, task->loginuid. */
struct event_creds {
  __u32 uid;      /* effective */
  __u32 gid;      /* effective */
  __u32 loginuid; /* 0xffffffff: unset */
  __u32 tty;      /* device number as in /proc/PID/stat (7), 0: none */
  __u64 cap_effective;
  __u64 cap_permitted;
  __u64 cap_inheritable;
};
WIRE_ASSERT(sizeof(struct event_creds) == 40, "wire size");

struct event_header {
  __u64 time_ns;   /* CLOCK_BOOTTIME */
  __u64 seq;       /* per CPU and hook, from 0, without holes: a hole is a lost record */
  __u64 start_ns;  /* start_boottime of the thread group leader; with tgid the identity of a process */
  __u64 cgroup_id; /* cgroup v2; id of the default hierarchy's cgroup */
  __u32 size;      /* whole record in bytes */
  __u16 kind;      /* enum event_kind */
  __u8 version;    /* ABI_VERSION */
  __u8 hook;       /* enum hook */
  __u32 tgid;      /* initial pid namespace, as all ids here */
  __u32 tid;
  __u32 ppid; /* tgid of the real parent */
  __u16 type; /* enum event_type */
  __u16 cpu;
  __u32 flags; /* enum event_flags */
  __u32 sid;
  struct event_creds creds;
  struct blob verdict; /* struct event_verdict, or empty */
  __u32 exec_id; /* low half of task->self_exec_id, which counts execs: a new number without its exec record is a lost one */
  __u32 pgid;    /* only if CAPTURE_GROUP, as the next two */
  __u32 vpgid;   /* in the task's own pid namespace, as vtid */
  __u32 vtid;
};
WIRE_ASSERT(sizeof(struct event_header) == 128, "wire size");

/* event_verdict.flags */
enum event_verdict_flags {
  EVENT_VERDICT_REFUSED = 1 << 0, /* the call fails with -EPERM */
  EVENT_VERDICT_KILLED = 1 << 1,  /* SIGKILL was sent */
  EVENT_VERDICT_UNSURE = 1 << 2   /* a field could not be told and fell as docs/threat_model.md says */
};

/* What the policy made of this action: every block and kill rule it hits, in definition order. */
struct event_verdict {
  __u32 generation;                     /* of the policy */
  __u32 decider;                        /* rule that decided, policy-local number; ~0: none enforces, nothing was done */
  __u16 operation;                      /* enum policy_operation */
  __u16 flags;                          /* enum event_verdict_flags */
  __u32 rule_count;                     /* how many hit; those beyond EVENT_VERDICT_RULES_MAX are counted only */
  __u32 rules[EVENT_VERDICT_RULES_MAX]; /* policy-local numbers */
};
WIRE_ASSERT(sizeof(struct event_verdict) == 16 + 4 * EVENT_VERDICT_RULES_MAX, "wire size");

/* One name under which loaded rules know the object at hand: row `text` of the policy's texts, and how many components of the
 * object's own path follow it (0: the text is the whole name). */
struct event_name {
  __u32 text;
  __u32 below;
};

/* Names by which the object is known besides its path: hard links, bind mounts, other roots. */
struct event_names {
  __u32 generation; /* of the policy whose texts these are */
  __u32 count;      /* at most EVENT_NAMES_MAX */
  struct event_name names[EVENT_NAMES_MAX];
};
WIRE_ASSERT(sizeof(struct event_names) == 8 + 8 * EVENT_NAMES_MAX, "wire size");

/* struct event_file.flags */
enum event_file_flags {
  EVENT_FILE_MEMFD = 1 << 0,    /* dentry "memfd:…" that is its own parent */
  EVENT_FILE_DELETED = 1 << 1,  /* nlink 0 */
  EVENT_FILE_UPPER = 1 << 2,    /* overlayfs, upper layer */
  EVENT_FILE_LOWER = 1 << 3,    /* overlayfs, lower layer */
  EVENT_FILE_READONLY = 1 << 4, /* immutable inode, or read-only mount or file system */
  EVENT_FILE_CREATED = 1 << 5   /* FMODE_CREATED: this open made the file */
};

/* An inode. dev is the kernel's (major << 20 | minor). */
struct event_file {
  __u64 ino;
  __u64 ctime_ns; /* epoch */
  __u64 mtime_ns; /* epoch */
  __u32 dev;
  __u32 mode; /* i_mode: type and permissions */
  __u32 uid;
  __u32 gid;
  __u32 flags;      /* enum event_file_flags */
  __u32 generation; /* i_generation: tells one inode from the next of its number */
};
WIRE_ASSERT(sizeof(struct event_file) == 48, "wire size");

/* EXEC, FORK, TASK: a process as it is now. */
struct event_process {
  struct event_header header;
  __u64 parent_start_ns;     /* start_boottime of the real parent's leader */
  __u64 forker_start_ns;     /* FORK: who called fork, which CLONE_PARENT keeps from being the parent */
  __u64 pidns_init_start_ns; /* start_boottime of the pid namespace's init */
  __u32 pgid;
  __u32 vpid; /* in the task's own pid namespace, as vpgid */
  __u32 vpgid;
  __u32 args_total; /* true length of the argument area in bytes */
  __u32 forker_tgid;
  __u32 reserved;
  struct event_file exe; /* bprm->file's successor mm->exe_file; zero for kernel threads */
  char comm[16];         /* NUL-padded, as set by exec */
  struct blob exe_path;  /* seen from the task's root; "memfd:NAME" for memfds; no " (deleted)" */
  struct blob cwd;
  struct blob args;     /* EXEC: argv, each ended by NUL, at most ARGS_BYTES_MAX; TASK: empty, see /proc */
  struct blob script;   /* EXEC, EXEC_CHECK: the name that was executed, if what runs is its interpreter */
  struct blob names;    /* struct event_names of exe, or empty */
  struct blob filename; /* EXEC: the name that was executed, as passed: a kernel copy */
  struct blob
      env;        /* EXEC, only if CAPTURE_ENVIRONMENT: each entry ended by NUL, at most ENVIRONMENT_BYTES_MAX; TASK: see /proc */
  __u64 fd_limit; /* EXEC, TASK, as the rest: RLIMIT_NOFILE, soft */
  __u64 major_faults; /* of the task, so far */
  __u64 minor_faults;
  __u32 vm_size; /* KiB, as the next two; what a percpu_counter tells without its CPUs' shares */
  __u32 vm_rss;
  __u32 vm_swap;
  __u32 env_total; /* true length of the environment area in bytes */
};
WIRE_ASSERT(sizeof(struct event_process) == sizeof(struct event_header) + 48 + 48 + 16 + 40 + 56, "wire size");

struct event_exit {
  struct event_header header;
  __u32 exit_code; /* as wait(2) */
  __u32 reserved;
};
WIRE_ASSERT(sizeof(struct event_exit) == sizeof(struct event_header) + 8, "wire size");

/* The file of a layer an overlay shows: of the upper one if it is there, else of the topmost lower one. Zero: none, or not told.
 */
struct event_layer {
  __u64 ino;
  __u32 dev;
  __u32 generation;
};

/* open, openat, openat2, creat; from the LSM also open_by_handle_at. io_uring's: EVENT_FLAG_URING. */
struct event_open {
  struct event_header header;
  __s64 ret;              /* fd, or negative errno */
  __u64 open_flags;       /* as passed (openat2: struct open_how, user memory) */
  __u64 resolve;          /* openat2 only */
  __u32 open_mode;        /* as passed */
  __s32 dirfd;            /* AT_FDCWD for open and creat */
  __u32 fmode;            /* file->f_mode & (FMODE_READ | FMODE_WRITE); 0 for failures and O_PATH */
  __u32 in_mount;         /* so many last bytes of `path` lie in the mount it was opened through; PLACE_UNKNOWN */
  struct event_file file; /* zero when ret < 0 */
  struct event_layer layer;
  struct blob path;  /* ret >= 0: the kernel's path of the file, seen from the task's root. Empty otherwise */
  struct blob name;  /* user memory: the name as passed */
  struct blob base;  /* directory a relative `name` starts at (cwd or dirfd); only when ret < 0 and name is relative */
  struct blob cwd;   /* only if CAPTURE_CWD */
  struct blob names; /* struct event_names of the file, or empty */
  struct blob above; /* path in its file system of what those bytes lie below; empty: its root */
};
WIRE_ASSERT(sizeof(struct event_open) == sizeof(struct event_header) + 40 + 48 + 16 + 48, "wire size");

/* Who called whom. */
enum socket_role {
  SOCKET_ROLE_UNKNOWN = 0,
  SOCKET_ROLE_CLIENT, /* the local end connected */
  SOCKET_ROLE_SERVER  /* the local end was accepted, or listens */
};

/* A socket as the kernel has it. */
struct event_sock {
  __u16 family;        /* AF_INET, AF_INET6, AF_UNIX, …; 0 if the descriptor is no socket */
  __u16 protocol;      /* sk_protocol: IPPROTO_TCP, … */
  __u16 socket_type;   /* SOCK_STREAM, … */
  __u16 remote_family; /* of remote_ip or unix_path; user memory if the kernel's socket has none (failed connect, sends to an
                          address) */
  __u8 local_ip[16];   /* IPv4 in the first 4 bytes; network order */
  __u8 remote_ip[16];
  __u16 local_port;  /* host order */
  __u16 remote_port; /* host order */
  __u8 role;         /* enum socket_role */
  __u8 connected;    /* 1: it has a peer */
  __u16 reserved;
  struct blob unix_path; /* AF_UNIX: peer's path, else its own, else as passed; abstract names begin with NUL */
};
WIRE_ASSERT(sizeof(struct event_sock) == 56, "wire size");

struct event_socket {
  struct event_header header;
  __s64 ret;
  __s32 fd;               /* the argument; accept: what was returned, as ret */
  __u32 size;             /* sends and receives: bytes asked for; listen: the backlog */
  struct event_sock sock; /* accept: the new socket, the caller is its server; zero if it failed. bind that failed: local end as
                             passed. Datagrams: the remote end as passed or received, if an address was; else the peer's */
  __u32 queue_length;     /* accept: of the listening socket, connections that wait, and how many may */
  __u32 queue_max;
  __u32 call_flags; /* accept4, sends, receives */
  __u32 reserved;
  /* User memory, only if CAPTURE_DATA. sendmmsg: size, data and address are those of its first message. */
  struct blob data;    /* sends and receives: the first DATA_BYTES_MAX bytes transferred */
  struct blob control; /* recvmsg: the first DATA_BYTES_MAX bytes of control data */
  struct blob cwd;     /* only if CAPTURE_CWD */
};
WIRE_ASSERT(sizeof(struct event_socket) == sizeof(struct event_header) + 16 + 56 + 16 + 24, "wire size");

/* symlink(at): first = target text, second = link path, dirfds[1] = linkdirfd. link(at), rename(at, at2): first = oldpath, second
 * = newpath. unlink(at), rmdir, mkdir(at), chmod, fchmodat, failed execve(at): first = the name, dirfds[0]. All names: user
 * memory. A base is the directory a relative name starts at; of a descriptor that is an argument and leads somewhere it is told
 * with absolute names too. */
struct event_paths {
  struct event_header header;
  __s64 ret;
  __u32 arg_flags; /* linkat, execveat, renameat2, unlinkat */
  __s32 dirfds[2]; /* AT_FDCWD where the call has none */
  __u32 arg_mode;  /* mkdir, chmod and their kin, as passed */
  struct blob first;
  struct blob first_base;
  struct blob second;
  struct blob second_base;
  struct blob cwd; /* only if CAPTURE_CWD */
};
WIRE_ASSERT(sizeof(struct event_paths) == sizeof(struct event_header) + 24 + 40, "wire size");

/* Any call: its arguments as they were in the registers (ia32's socketcall: in memory), and the descriptor it is about, if any:
 * the returned one of socket, bpf, userfaultfd and dup (where dup failed the one to copy), else the argument of that name. close
 * tells the number and nothing else: by its end the file is gone, and the number may be another's. */
struct event_call {
  struct event_header header;
  __s64 ret;
  __u64 args[6];
  __s32 fd; /* -1: none, or it leads nowhere */
  __u32 reserved;
  struct event_file file; /* zero without a descriptor */
  struct event_sock sock; /* zero unless it is a socket */
  struct blob
      path; /* of the file: a path; "memfd:NAME", "[eventfd]", "pipe:[123]", "net:[123]" for what has none. Not of sockets */
  struct blob text; /* init_module, finit_module: the module's parameters, user memory */
  struct blob data; /* init_module: the first DATA_BYTES_MAX bytes of the image, user memory, only if CAPTURE_DATA */
  struct blob cwd;  /* only if CAPTURE_CWD */
};
WIRE_ASSERT(sizeof(struct event_call) == sizeof(struct event_header) + 8 + 48 + 8 + 48 + 56 + 32, "wire size");

/* A cgroup of the default hierarchy was made or removed. */
struct event_cgroup {
  struct event_header header;
  __u64 id;
  __u32 removed; /* 1: removed, 0: made */
  __u32 reserved;
  struct blob path; /* from the hierarchy's root; empty if it is longer than PATH_BYTES_MAX */
};
WIRE_ASSERT(sizeof(struct event_cgroup) == sizeof(struct event_header) + 24, "wire size");

/* Per CPU and hook. produced = delivered + lost_ring_full + lost_no_scratch + lost_quota, exactly, once the rings are drained. */
struct hook_counters {
  __u64 produced; /* records begun */
  __u64 lost_ring_full;
  __u64 lost_no_scratch; /* every scratch buffer of this CPU was in use (nested or preempted programs) */
  __u64 user_unread;     /* records with EVENT_FLAG_USER_UNREAD: not lost, but poorer */
  __u64 path_truncated;  /* records with EVENT_FLAG_PATH_TRUNCATED */
  __u64 fd_gone;         /* records with EVENT_FLAG_FD_GONE */
  /* Decisions; they count without a reader. */
  __u64 decided; /* runs in which some clause came as far as the object */
  __u64 refused;
  __u64 killed;
  __u64 would_refuse; /* only monitor rules hit */
  /* What a decision lacked; how each falls stands in docs/threat_model.md. */
  __u64 unsure_path;      /* a path or cgroup too long or too deep */
  __u64 unsure_access;    /* a file about to be made, access not known */
  __u64 unsure_no_buffer; /* every decision buffer was in use */
  __u64 unsure_no_policy; /* the policy's generation was not to be found */
  __u64 state_recomputed; /* a task without state, or with that of another generation or program */
  __u64 state_unstored;   /* the table of task states is full */
  __u64 lost_quota;       /* events of a cgroup that had its share of the ring, see bpf/lib/quota.bpf.h */
};
WIRE_ASSERT(sizeof(struct hook_counters) == 136, "wire size");

/* The ring a record is bound for. */
enum record_class {
  CLASS_VERDICT = 0, /* refusals, kills, would-blocks */
  CLASS_PROCESS,     /* exec, fork, exit */
  CLASS_EVENT,       /* everything else */
  CLASS_COUNT        /* none: the iterator's records pass no ring */
};

/* Per CPU and class; the same equation. */
struct class_counters {
  __u64 produced;
  __u64 lost_ring_full;
  __u64 lost_no_scratch;
  __u64 lost_quota; /* of CLASS_EVENT only */
};
WIRE_ASSERT(sizeof(struct class_counters) == 32, "wire size");

/* One cgroup's share of the ring of events, and what it lost; by cgroup id. Id 0: those there was no room for. Positions and
 * bytes as the ring counts them. */
struct cgroup_share {
  __u64 mark;     /* where `current` began */
  __u64 end;      /* behind its last record */
  __u64 current;  /* bytes it wrote since `mark`, while the ring was filled beyond quota_above */
  __u64 previous; /* bytes it wrote before `mark` that may still be unread */
  __u64 lost_quota;
  __u64 lost_ring_full[CLASS_COUNT];
};
WIRE_ASSERT(sizeof(struct cgroup_share) == 64, "wire size");

/* capture_options, a global of the object: what records carry beyond the default. */
enum capture_options {
  CAPTURE_CWD = 1 << 0,         /* the working directory with every event, not only with exec */
  CAPTURE_DATA = 1 << 1,        /* blobs `data` and `control`: user memory that is copied for rules that ask for it */
  CAPTURE_ENVIRONMENT = 1 << 2, /* the environment with exec */
  CAPTURE_GROUP = 1 << 3        /* pgid, vpgid and vtid with every event */
};

/* What sys_exit's tables say of a system call, 0: nobody asked for it. */
enum syscall_entry {
  SYSCALL_ENTRY_TYPE = 0x1ff,   /* bits of its type: enum event_type, or beyond EVENT_TYPE_COUNT the engine's number for it */
  SYSCALL_ENTRY_PROGRAM = 9,    /* bits from here on: enum call_program */
  SYSCALL_ENTRY_DECIDE = 0x8000 /* no rule wants the event itself, only what the policy makes of it */
};

/* The program that tells a call; index of call_programs. */
enum call_program {
  CALL_PROGRAM_NONE = 0,
  CALL_PROGRAM_OPEN,
  CALL_PROGRAM_SOCKET,
  CALL_PROGRAM_PATHS,
  CALL_PROGRAM_CALL,
  CALL_PROGRAM_COUNT
};

#endif
