/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who did it: the task's part of each record. `task` is a BTF pointer (argument of the hook, or current), so plain loads are
 * checked and fast. */
#ifndef SHRIKE_BPF_LIB_TASK_BPF_H
#define SHRIKE_BPF_LIB_TASK_BPF_H

#include "bpf/lib/compat.bpf.h"
#include "bpf/lib/path.bpf.h"

/* The controlling terminal as new_encode_dev (include/linux/kdev_t.h) writes it, 0: none. */
static __always_inline __u32 tty__device(const struct tty_struct* tty) {
  if (!tty || !tty->driver) return 0;
  const __u32 major = tty->driver->major;
  const __u32 minor = tty->driver->minor_start + tty->index;
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

static __always_inline void event_creds__fill(struct event_creds* creds, struct task_struct* task) {
  const struct cred* cred = task->cred;
  creds->uid = cred->euid.val;
  creds->gid = cred->egid.val;
  creds->loginuid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : ~0U;
  creds->tty = tty__device(task->signal->tty);
  creds->cap_effective = READ_CAPABILITIES(cred, cap_effective);
  creds->cap_permitted = READ_CAPABILITIES(cred, cap_permitted);
  creds->cap_inheritable = READ_CAPABILITIES(cred, cap_inheritable);
}

/* A task's struct pid of one kind, as a plain number: 6.1 allows no arithmetic with a level on a typed pointer. */
static __always_inline struct pid* task__pid(struct task_struct* task, int kind) {
  return BPF_CORE_READ(task, signal, pids[kind]);
}

/* The number of `pid` at `level` of pid namespaces; 0 is the initial one. */
static __always_inline struct upid* pid__at(struct pid* pid, __u32 level) {
  return (struct upid*)((char*)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid));
}

static __always_inline __u32 pid__number(struct pid* pid, __u32 level) {
  return pid ? READ(TYPED(struct upid, pid__at(pid, level)), nr) : 0;
}

static __always_inline void event_header__fill(struct scratch* scratch, struct task_struct* task) {
  struct event_header* header = record__header(scratch);
  struct task_struct* leader = task->group_leader;
  header->start_ns = leader->start_boottime;
  header->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
  header->tgid = task->tgid;
  header->tid = task->pid;
  header->ppid = leader->real_parent->tgid;
  const struct pid* session = task->signal->pids[PIDTYPE_SID]; /* none: reads as 0 */
  header->sid = READ(session, numbers[0].nr);
  event_creds__fill(&header->creds, task);
  header->exec_id = task->self_exec_id;
  if (!(capture_options & CAPTURE_GROUP)) return;
  struct pid* thread = BPF_CORE_READ(task, thread_pid); /* a plain number, as task__pid's; 0 of a task that is gone */
  if (!thread) return;
  const __u32 level = BPF_CORE_READ(thread, level);
  struct pid* group = task__pid(task, PIDTYPE_PGID);
  header->pgid = pid__number(group, 0);
  header->vpgid = pid__number(group, level);
  header->vtid = pid__number(thread, level);
}

/* Where paths of this record begin. A task on its way out has no root: its paths are the host's. */
static __always_inline void walk__set_root(struct path_buffer* buffer, struct task_struct* task) {
  buffer->walk.root_dentry = 0;
  buffer->walk.root_mount = 0;
  struct fs_struct* fs = task->fs;
  if (!fs) return; /* EVENT_FLAG_PATH_UNREACHABLE follows */
  buffer->walk.root_dentry = (__u64)fs->root.dentry;
  buffer->walk.root_mount = (__u64)fs->root.mnt - bpf_core_field_offset(struct mount, mnt);
}

/* Appends the working directory. Empty if the task has none left. */
static __always_inline void cwd__append(struct scratch* scratch, struct blob* blob, struct task_struct* task) {
  struct fs_struct* fs = task->fs;
  if (!fs) return; /* exiting: nothing to say */
  path__append(scratch, blob, fs->pwd.mnt, fs->pwd.dentry);
}

/* What is wanted of the system call of that number, enum syscall_entry; `first`: its first argument. */
static __always_inline __u16 syscall__entry(__u64 nr, bool compat, __u64 first) {
  if (nr >= SYSCALL_NR_MAX) return 0;
  if (!compat) return syscall_type64[nr];
  if (nr != IA32_SOCKETCALL) return syscall_type32[nr];
  const __u32 which = first;
  return which < SOCKETCALL_MAX ? socketcall_type[which] : 0;
}

/* ids and pid namespace; header apart */
static __always_inline void event_process__fill(struct event_process* event, struct task_struct* task) {
  struct pid* pid = task__pid(task, PIDTYPE_TGID);
  struct pid* group = task__pid(task, PIDTYPE_PGID);
  event->parent_start_ns = task->group_leader->real_parent->group_leader->start_boottime;
  event->pgid = pid__number(group, 0);
  if (pid) {
    const __u32 level = BPF_CORE_READ(pid, level);
    event->vpid = pid__number(pid, level);
    event->vpgid = pid__number(group, level);
    event->pidns_init_start_ns = BPF_CORE_READ(pid__at(pid, level), ns, child_reaper, start_boottime);
  }
  bpf_core_read(event->comm, sizeof(event->comm), &task->comm);
}

#endif
