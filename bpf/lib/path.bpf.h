/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The path of a dentry as the task would name it: from the dentry up through mounts to the task's root, written right to left.
 *
 * Like the kernel's d_path, without its rename_lock: a parent renamed in the same moment can give a mixed path. */
#ifndef SHRIKE_BPF_LIB_PATH_BPF_H
#define SHRIKE_BPF_LIB_PATH_BPF_H

#include "bpf/lib/read.bpf.h"
#include "bpf/lib/record.bpf.h"

enum { WALK_LEVELS_INLINE = 6 };

enum walk_end {
  WALK_GOES_ON = 0,
  WALK_AT_ROOT, /* the task's */
  WALK_OUTSIDE, /* a root that is not the task's: another namespace, outside a chroot, unmounted */
  WALK_PSEUDO,  /* its own parent and no mount's root: memfd, pipe, socket */
  WALK_TOO_LONG,
};

struct walk_context {
  struct path_buffer* buffer;
};

static __always_inline struct mount* mount__of(struct vfsmount* mnt) {
  return (struct mount*)((char*)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* Puts `name`, with a slash in front, before what is there. False: no room. */
static __always_inline bool walk__prepend(struct path_buffer* buffer, const void* name, __u32 size, bool slash) {
  __u32 position = buffer->walk.position;
  if (size > PATH_COMPONENT_MAX || size + slash > position) return false;
  position -= size + slash;
  buffer->walk.position = position;
  HIDE(position);
  HIDE(size);
  position &= PATH_BYTES_MAX - 1;
  char* to = &buffer->path[position];
  if (slash) *to++ = '/';
  bpf_probe_read_kernel(to, size & PATH_COMPONENT_MAX, name);
  return true;
}

static __always_inline void walk__leave_mount(struct walk* walk) {
  if (walk->top) return;
  walk->top = walk->dentry;
  walk->in_mount = PATH_BYTES_MAX - walk->position;
}

/* One level up, or across a mount. Returns 1 to stop, as bpf_loop wants. */
static __always_inline long walk__up(struct path_buffer* buffer) {
  struct walk* walk = &buffer->walk;
  if (walk->dentry == walk->root_dentry && walk->mount == walk->root_mount) {
    walk__leave_mount(walk);
    walk->end = WALK_AT_ROOT;
    return 1;
  }
  if (walk->dentry == walk->mount_root) {
    walk__leave_mount(walk);
    const struct mount* mount = TYPED(struct mount, walk->mount);
    const struct mount* parent = READ(mount, mnt_parent);
    if (!parent || (__u64)parent == walk->mount) {
      walk->end = WALK_OUTSIDE;
      return 1;
    }
    walk->dentry = (__u64)READ(mount, mnt_mountpoint);
    walk->mount = (__u64)parent;
    walk->mount_root = (__u64)READ(parent, mnt.mnt_root);
    return 0;
  }
  const struct dentry* dentry = TYPED(struct dentry, walk->dentry);
  const __u64 parent = (__u64)READ(dentry, d_parent);
  const bool pseudo = !parent || parent == walk->dentry;
  if (!walk__prepend(buffer, READ(dentry, d_name.name), READ(dentry, d_name.len), !pseudo)) {
    walk->end = WALK_TOO_LONG;
    return 1;
  }
  walk->dentry = parent;
  if (pseudo) walk->end = WALK_PSEUDO;
  return pseudo;
}

static long walk__step(__u32 index, struct walk_context* context) {
  (void)index;
  return walk__up(context->buffer);
}

/* Up to an end, which it returns. */
SUBPROGRAM int walk__to_end(struct path_buffer* buffer) {
  if (!buffer) return WALK_TOO_LONG;
  struct walk_context context = {.buffer = buffer};
  bpf_loop(PATH_DEPTH_MAX, walk__step, &context, 0);
  return buffer->walk.end == WALK_GOES_ON ? WALK_TOO_LONG : (int)buffer->walk.end;
}

/* The first levels, all that most paths have, without a call each: where the kernel guards returns (AMD's "Safe RET"), a call
 * costs as much as the rest of a step. */
static __always_inline bool walk__first_levels(struct path_buffer* buffer) {
#pragma unroll
  for (int i = 0; i < WALK_LEVELS_INLINE; ++i) {
    if (walk__up(buffer)) return true;
  }
  return false;
}

/* Writes the path of (mnt, dentry) into the buffer, from walk.position to PATH_BYTES_MAX. walk.root_* must be set. Returns
 * walk.end (enum walk_end). */
SUBPROGRAM int path__walk(struct path_buffer* buffer, struct vfsmount* mnt, struct dentry* dentry) {
  if (!buffer) return WALK_TOO_LONG;
  struct walk* walk = &buffer->walk;
  walk->dentry = (__u64)dentry;
  walk->mount = (__u64)mount__of(mnt);
  walk->mount_root = (__u64)READ(TYPED(struct vfsmount, mnt), mnt_root);
  walk->top = 0;
  walk->in_mount = 0;
  walk->position = PATH_BYTES_MAX;
  walk->end = WALK_GOES_ON;
  if (!walk__first_levels(buffer)) walk->end = walk__to_end(buffer);
  if (walk->position == PATH_BYTES_MAX && walk->end != WALK_PSEUDO) {
    walk->position = PATH_BYTES_MAX - 1;
    buffer->path[PATH_BYTES_MAX - 1] = '/';
  }
  return walk->end;
}

/* Appends what a walk wrote as `blob`. */
SUBPROGRAM int walked__append(struct scratch* scratch, struct blob* blob) {
  if (!scratch || !blob) return 0;
  void* to = record__end(scratch, PATH_BYTES_MAX);
  if (!to) return 0;
  __u32 position = scratch->buffer.walk.position;
  HIDE(position);
  if (position > PATH_BYTES_MAX) return 0; /* for the verifier */
  __u32 size = PATH_BYTES_MAX - position;
  HIDE(size);
  if (size > PATH_BYTES_MAX) return 0; /* for the verifier */
  bpf_probe_read_kernel(to, size, (const char*)scratch->buffer.path + position);
  record__take(scratch, blob, size);
  return 0;
}

/* Appends the path of (mnt, dentry) as `blob`. walk.root_* must be set. Flags PATH_TRUNCATED, PATH_UNREACHABLE. */
SUBPROGRAM int path__append(struct scratch* scratch, struct blob* blob, struct vfsmount* mnt, struct dentry* dentry) {
  if (!scratch || !blob) return 0;
  const int end = path__walk(&scratch->buffer, mnt, dentry);
  if (end == WALK_TOO_LONG) record__flag(scratch, EVENT_FLAG_PATH_TRUNCATED);
  if (end == WALK_OUTSIDE) record__flag(scratch, EVENT_FLAG_PATH_UNREACHABLE);
  return walked__append(scratch, blob);
}

/* A walk from walk.top to its file system's root, whose path becomes `blob`. */
SUBPROGRAM int above__append(struct scratch* scratch, struct blob* blob) {
  if (!scratch || !blob) return 0;
  struct walk* walk = &scratch->buffer.walk;
  const struct super_block* super = READ(TYPED(struct dentry, walk->top), d_sb);
  const __u64 task_root = walk->root_dentry, task_mount = walk->root_mount;
  walk->root_dentry = (__u64)READ(super, s_root);
  walk->root_mount = walk->mount = walk->mount_root = 0; /* no mount is crossed any more */
  walk->dentry = walk->top;
  walk->position = PATH_BYTES_MAX;
  walk->end = WALK_GOES_ON;
  const int end = walk__to_end(&scratch->buffer);
  walk->root_dentry = task_root;
  walk->root_mount = task_mount;
  if (end == WALK_AT_ROOT)
    walked__append(scratch, blob);
  else
    walk->in_mount = PLACE_UNKNOWN;
  return 0;
}

/* After a walk: appends where in its file system `top` lies, which no mount, chroot or detached tree hides; nothing if that is
 * its root. How many bytes of the path lie below it is left in walk.in_mount, PLACE_UNKNOWN if that can't be told: in the map, so
 * that the verifier need not tell the cases apart. */
static __always_inline void place__append(struct scratch* scratch, struct blob* blob) {
  struct walk* walk = &scratch->buffer.walk;
  const __u64 top = walk->top;
  if (!top)
    walk->in_mount = PLACE_UNKNOWN;
  else if ((__u64)READ(TYPED(struct dentry, top), d_parent) != top)
    above__append(scratch, blob);
}

#endif
