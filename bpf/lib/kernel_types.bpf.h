/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's own types, by hand: only what we read, in any order; the loader finds the true offsets in the running kernel's BTF
 * (CO-RE). So a build needs no kernel headers, and this file is the list of all kernel memory we touch. Struct names and fields
 * are the kernel's. */
#ifndef SHRIKE_BPF_LIB_KERNEL_TYPES_BPF_H
#define SHRIKE_BPF_LIB_KERNEL_TYPES_BPF_H

#include <linux/bpf.h>
#include <linux/net.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* A function the verifier sees as one, with its result. `used`: else the compiler drops a result nobody looks at, and what is
 * then left in r0 may be an address on the stack, which kernels without READ's casts (6.1) refuse. */
#define SUBPROGRAM static __noinline __attribute__((used))

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/uidgid.h */
typedef struct {
  __u32 val;
} kuid_t;
typedef struct {
  __u32 val;
} kgid_t;

/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
  unsigned long bp, bx, r10, r9, r8, cx, dx, si, di, orig_ax;
};

/* include/linux/types.h */
struct list_head {
  struct list_head* next;
};

/* fs */
struct qstr {
  __u32 len;
  const unsigned char* name;
};

struct super_block {
  __u32 s_dev;
  unsigned long s_flags;
  unsigned long s_magic;
  struct dentry* s_root;
};

struct inode {
  __u16 i_mode;
  kuid_t i_uid;
  kgid_t i_gid;
  unsigned int i_flags;
  struct super_block* i_sb;
  void* i_private;
  unsigned long i_ino;
  unsigned int i_nlink;
  __u32 i_generation;
};

/* behind a file in /proc/PID/ns: its inode's i_private */
struct proc_ns_operations {
  const char* name;
};

struct ns_common {
  const struct proc_ns_operations* ops;
};

struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
  struct inode* d_inode;
  struct super_block* d_sb;
};

struct vfsmount {
  struct dentry* mnt_root;
  int mnt_flags;
};

struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};

struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};

struct file {
  unsigned int f_mode;
  unsigned int f_flags;
  void* private_data;
  struct inode* f_inode;
  struct path f_path;
};

struct backing_file {}; /* 6.5 */

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};

struct files_struct {
  struct fdtable* fdt;
};

struct fs_struct {
  struct path root;
  struct path pwd;
};

/* tasks */
struct kernfs_node {
  __u64 id;
  const char* name;
};

struct cgroup_root {
  int hierarchy_id; /* 0: the default hierarchy (v2) */
};

struct cgroup {
  struct kernfs_node* kn;
  struct cgroup_root* root;
};

struct css_set {
  struct cgroup* dfl_cgrp;
};

typedef struct {
} kernel_cap_t; /* two __u32 or one __u64: only its address is taken, see compat.bpf.h */

struct cred {
  kuid_t euid;
  kgid_t egid;
  kernel_cap_t cap_inheritable;
  kernel_cap_t cap_permitted;
  kernel_cap_t cap_effective;
};

struct pid_namespace {
  struct task_struct* child_reaper;
};

struct upid {
  int nr;
  struct pid_namespace* ns;
};

struct pid {
  unsigned int level;
  struct upid numbers[];
};

struct tty_driver {
  int major;
  int minor_start;
};

struct tty_struct {
  int index;
  struct tty_driver* driver;
};

typedef struct {
  int counter;
} atomic_t;

struct rlimit {
  unsigned long rlim_cur;
};

struct signal_struct {
  atomic_t live;
  struct rlimit rlim[16]; /* RLIM_NLIMITS */
  int group_exit_code;
  unsigned int flags;
  struct pid* pids[4]; /* PIDTYPE_MAX */
  struct tty_struct* tty;
};

struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  unsigned long env_start;
  unsigned long env_end;
  unsigned long total_vm; /* pages */
  struct file* exe_file;
};

struct thread_info {
  __u32 status;
};

struct task_struct {
  struct thread_info thread_info;
  unsigned int flags;
  __u64 self_exec_id; /* counts the execs of the process */
  struct mm_struct* mm;
  int exit_code;
  int pid;
  int tgid;
  struct pid* thread_pid;
  unsigned long maj_flt;
  unsigned long min_flt;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  __u64 start_boottime;
  const struct cred* cred;
  const struct cred* real_cred;
  char comm[16];
  struct fs_struct* fs;
  struct files_struct* files;
  struct signal_struct* signal;
  kuid_t loginuid; /* CONFIG_AUDIT */
  struct css_set* cgroups;
};

/* include/linux/binfmts.h */
struct linux_binprm {
  struct file* file;
  struct cred* cred;
  const char* filename; /* as passed: a kernel copy */
  const char* interp;   /* another pointer than filename: what runs is an interpreter */
  const char* fdpath;
  unsigned int comm_from_dentry : 1; /* 6.14 */
};

/* net */
typedef struct {
} address_at; /* only the address is taken */

struct sk_buff_head {
  __u32 qlen;
};

struct sock_common {
  __u32 skc_daddr;
  __u32 skc_rcv_saddr;
  __u16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  unsigned char skc_state;
  address_at skc_v6_daddr; /* struct in6_addr: 16 bytes */
  address_at skc_v6_rcv_saddr;
};

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
  __u32 sk_ack_backlog;     /* connections that wait; AF_UNIX: see sk_receive_queue */
  __u32 sk_max_ack_backlog; /* and how many may */
  struct sk_buff_head sk_receive_queue;
  unsigned char sk_userlocks : 4; /* no bit field any more in 6.18 */
};

/* The local port's entry: shared by all sockets that have it. */
struct inet_bind_bucket {
  signed char fastreuse;
};

struct inet_connection_sock {
  struct inet_bind_bucket* icsk_bind_hash;
};

struct socket {
  socket_state state;
  short type;
  struct sock* sk;
};

struct msghdr {
  void* msg_name; /* struct sockaddr, copied into the kernel */
  int msg_namelen;
  unsigned int msg_flags;
};

struct sockaddr; /* kernel memory; read as uapi's sockaddr_in and sockaddr_in6 */

struct unix_address {
  int len;           /* of the sockaddr_un behind it */
  address_at name[]; /* struct sockaddr_un */
};

struct unix_sock {
  struct unix_address* addr;
  struct sock* peer;
};

/* context of iter/task */
struct seq_file;

struct bpf_iter_meta {
  struct seq_file* seq;
};

struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};

#pragma clang attribute pop

/* Constants that only kernel headers have, each from the file named. */
enum {
  EPERM_ = 1,       /* include/uapi/asm-generic/errno-base.h */
  SIGKILL_ = 9,     /* include/uapi/asm-generic/signal.h */
  PIDTYPE_TGID = 1, /* include/linux/pid_types.h */
  PIDTYPE_PGID = 2,
  PIDTYPE_SID = 3,
  SYSCALL_IO_URING_ENTER = 426, /* arch/x86/entry/syscalls/syscall_64.tbl, the same in syscall_32.tbl */
  IA32_SOCKETCALL = 102,        /* arch/x86/entry/syscalls/syscall_32.tbl */
  TS_COMPAT = 0x0002,           /* arch/x86/include/asm/thread_info.h */
  X32_SYSCALL_BIT = 0x40000000, /* arch/x86/include/uapi/asm/unistd.h */
  RLIMIT_NOFILE_ = 7,           /* include/uapi/asm-generic/resource.h */
  MM_FILEPAGES = 0,             /* include/linux/mm_types_task.h */
  MM_ANONPAGES = 1,
  MM_SWAPENTS = 2,
  MM_SHMEMPAGES = 3,
  SIGNAL_GROUP_EXIT = 0x4, /* include/linux/sched/signal.h */
  FMODE_READ = 0x1,        /* include/linux/fs.h */
  FMODE_WRITE = 0x2,
  FMODE_CREATED = 0x100000,
  FMODE_EXEC_FLAG = 0x20,       /* __FMODE_EXEC, in f_flags: opened by exec, to be run */
  FMODE_NOACCOUNT = 0x20000000, /* an overlay's own open of the file beneath (with FMODE_BACKING since 6.6) */
  PF_IO_WORKER = 0x10,          /* include/linux/sched.h */
  S_IMMUTABLE = 1 << 3,
  SB_RDONLY = 1,
  MNT_READONLY = 0x40,          /* include/linux/mount.h */
  OVERLAYFS_MAGIC = 0x794c7630, /* include/uapi/linux/magic.h, as the next: OVERLAYFS_SUPER_MAGIC */
  PIPEFS_MAGIC = 0x50495045,
  NSFS_MAGIC = 0x6e736673,
  PIDFS_MAGIC = 0x50494446,
  STATE_ESTABLISHED = 1, /* include/net/tcp_states.h; of datagram and unix sockets too */
  STATE_LISTEN = 10,
  BINDPORT_LOCK = 8 /* include/net/sock.h: the port was chosen by bind */
};

#endif
