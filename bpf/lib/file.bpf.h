/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files: of a descriptor, their inode, their path. */
#ifndef SHRIKE_BPF_LIB_FILE_BPF_H
#define SHRIKE_BPF_LIB_FILE_BPF_H

#include "bpf/lib/task.bpf.h"

/* The file behind `fd` of the task, or NULL. */
static __always_inline struct file* fd__file(struct task_struct* task, __u32 fd) {
  struct files_struct* files = task->files;
  if (!files) return NULL;
  struct fdtable* table = files->fdt;
  if (fd >= table->max_fds) return NULL;
  struct file* file = NULL;
  bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
  return file;
}

/* EVENT_FILE_UPPER or _LOWER of an overlayfs inode. struct ovl_inode (fs/overlayfs/ovl_entry.h) is in a module's BTF at best;
 * its __upperdentry has followed its vfs_inode directly since 4.13. */
static __always_inline __u32 overlay__layer(const struct inode* inode) {
  const struct dentry* upper = NULL;
  bpf_probe_read_kernel(&upper, sizeof(upper), (const char*)inode + bpf_core_type_size(struct inode));
  return upper && BPF_CORE_READ(upper, d_inode) ? EVENT_FILE_UPPER : EVENT_FILE_LOWER;
}

static __always_inline bool dentry__is_memfd(const struct dentry* dentry) {
  if (BPF_CORE_READ(dentry, d_parent) != dentry) return false;
  char name[8] = {};
  bpf_probe_read_kernel(name, 6, BPF_CORE_READ(dentry, d_name.name));
  return *(__u64*)name == ('m' | 'e' << 8 | 'm' << 16 | (__u64)'f' << 24 | (__u64)'d' << 32 | (__u64)':' << 40);
}

/* All but EVENT_FILE_CREATED, which is of the open, not of the file. */
static __noinline int event_file__fill(struct event_file* event, struct file* file) {
  if (!event) return 0;
  const struct inode* inode = BPF_CORE_READ(file, f_inode);
  const struct super_block* super = BPF_CORE_READ(inode, i_sb);
  event->ino = BPF_CORE_READ(inode, i_ino);
  event->ctime_ns = inode__ctime_ns(inode);
  event->mtime_ns = inode__mtime_ns(inode);
  event->dev = BPF_CORE_READ(super, s_dev);
  event->mode = BPF_CORE_READ(inode, i_mode);
  event->uid = BPF_CORE_READ(inode, i_uid.val);
  event->gid = BPF_CORE_READ(inode, i_gid.val);
  event->generation = BPF_CORE_READ(inode, i_generation);
  __u32 flags = 0;
  if (BPF_CORE_READ(super, s_magic) == OVERLAYFS_MAGIC) flags |= overlay__layer(inode);
  if (dentry__is_memfd(BPF_CORE_READ(file, f_path.dentry))) flags |= EVENT_FILE_MEMFD;
  if (BPF_CORE_READ(inode, i_nlink) == 0) flags |= EVENT_FILE_DELETED;
  if ((BPF_CORE_READ(inode, i_flags) & S_IMMUTABLE) || (BPF_CORE_READ(super, s_flags) & SB_RDONLY) ||
      (BPF_CORE_READ(file, f_path.mnt, mnt_flags) & MNT_READONLY))
    flags |= EVENT_FILE_READONLY;
  event->flags = flags;
  return 0;
}

/* An opened file's path, and its place in its file system. */
static __always_inline void open_path__append(struct scratch* scratch, struct event_open* event, struct file* file) {
  path__append(scratch, &event->path, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
  above__append(scratch, &event->above);
  event->in_mount = scratch->buffer.walk.in_mount;
}

static __always_inline void file_path__append(struct scratch* scratch, struct blob* blob, struct file* file) {
  path__append(scratch, blob, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
}

#endif
