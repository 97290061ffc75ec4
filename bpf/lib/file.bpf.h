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
  return pointer__read(table->fd + fd);
}

/* Of struct ovl_inode (fs/overlayfs/ovl_entry.h), which is in a module's BTF at best: what follows its vfs_inode. First
 * __upperdentry, since 4.13. Then lowerpath (layer, dentry) since 5.19; since 6.5 a pointer to a struct ovl_entry: a number, then
 * such paths. */
static __always_inline const char* overlay__rest(const struct inode* inode) {
  return (const char*)inode + bpf_core_type_size(struct inode);
}

/* EVENT_FILE_UPPER or _LOWER of an overlayfs inode. */
static __always_inline __u32 overlay__layer(const struct inode* inode) {
  const struct dentry* upper = pointer__read(overlay__rest(inode));
  return upper && READ(TYPED(struct dentry, upper), d_inode) ? EVENT_FILE_UPPER : EVENT_FILE_LOWER;
}

/* The layer's file behind an overlay's, in whose name rules may speak of it. */
SUBPROGRAM int layer__fill(struct event_layer* layer, const struct file* of, __u32 flags) {
  if (!layer) return 0;
  const char* rest = overlay__rest(READ(TYPED(struct file, of), f_inode));
  const char* dentry = pointer__read(rest);
  if (flags & EVENT_FILE_LOWER) {
    if (bpf_core_type_exists(struct backing_file)) { /* 6.5 too; the entry's first path */
      const char* entry = pointer__read(rest + 8);
      dentry = entry ? pointer__read(entry + 16) : NULL;
    } else {
      dentry = pointer__read(rest + 16);
    }
  }
  if (!dentry) return 0;
  const struct inode* inode = READ(TYPED(struct dentry, dentry), d_inode);
  if (!inode) return 0;
  const struct super_block* super = READ(inode, i_sb);
  layer->ino = READ(inode, i_ino);
  layer->dev = READ(super, s_dev);
  layer->generation = READ(inode, i_generation);
  return 1;
}

static __always_inline bool dentry__is_memfd(const struct dentry* dentry) {
  if (READ(dentry, d_parent) != dentry) return false;
  char name[8] = {};
  bpf_probe_read_kernel(name, 6, READ(dentry, d_name.name));
  return *(__u64*)name == ('m' | 'e' << 8 | 'm' << 16 | (__u64)'f' << 24 | (__u64)'d' << 32 | (__u64)':' << 40);
}

/* All but EVENT_FILE_CREATED, which is of the open, not of the file. */
static __always_inline void event_file__fill(struct event_file* event, struct file* of) {
  const struct file* file = TYPED(struct file, of);
  const struct vfsmount* mnt = READ(file, f_path.mnt);
  const struct inode* inode = READ(file, f_inode);
  const struct super_block* super = READ(inode, i_sb);
  event->ino = READ(inode, i_ino);
  event->ctime_ns = inode__ctime_ns(inode);
  event->mtime_ns = inode__mtime_ns(inode);
  event->dev = READ(super, s_dev);
  event->mode = READ(inode, i_mode);
  event->uid = READ(inode, i_uid.val);
  event->gid = READ(inode, i_gid.val);
  event->generation = READ(inode, i_generation);
  __u32 flags = 0;
  if (READ(super, s_magic) == OVERLAYFS_MAGIC) flags |= overlay__layer(inode);
  if (dentry__is_memfd(READ(file, f_path.dentry))) flags |= EVENT_FILE_MEMFD;
  if (READ(inode, i_nlink) == 0) flags |= EVENT_FILE_DELETED;
  if ((READ(inode, i_flags) & S_IMMUTABLE) || (READ(super, s_flags) & SB_RDONLY) || (READ(mnt, mnt_flags) & MNT_READONLY))
    flags |= EVENT_FILE_READONLY;
  event->flags = flags;
}

static __always_inline void file_path__append(struct scratch* scratch, struct blob* blob, struct file* of) {
  const struct file* file = TYPED(struct file, of);
  path__append(scratch, blob, READ(file, f_path.mnt), READ(file, f_path.dentry));
}

/* An opened file's path, and its place in its file system. */
static __always_inline void open_path__append(struct scratch* scratch, struct event_open* event, struct file* file) {
  file_path__append(scratch, &event->path, file);
  place__append(scratch, &event->above);
  event->in_mount = scratch->buffer.walk.in_mount;
}

#endif
