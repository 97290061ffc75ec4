/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between kernels 6.1 and later, one entry each. Features are asked of BTF, never the version. */
#ifndef SHRIKE_BPF_LIB_COMPAT_BPF_H
#define SHRIKE_BPF_LIB_COMPAT_BPF_H

#include "bpf/lib/read.bpf.h"

#define NSEC_PER_SEC 1000000000ULL

/* 6.13: "somebody asked for this ctime", kept in the highest bit of i_ctime_nsec. include/linux/fs.h:
 * I_CTIME_QUERIED */
#define CTIME_QUERIED (1U << 31)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64 {
  __s64 tv_sec;
  long tv_nsec;
};

struct inode___timespec { /* until 6.5 both, in 6.6 only i_mtime */
  struct timespec64 i_ctime;
  struct timespec64 i_mtime;
};

struct inode___underscored { /* 6.6: __i_ctime; 6.7: __i_mtime too. Until 6.10 */
  struct timespec64 __i_ctime;
  struct timespec64 __i_mtime;
};

struct inode___split { /* 6.11: seconds and nanoseconds apart */
  __s64 i_ctime_sec;
  __s64 i_mtime_sec;
  __u32 i_ctime_nsec;
  __u32 i_mtime_nsec;
};

struct percpu_counter {
  __s64 count;
};

struct mm_struct___percpu { /* 6.2 */
  struct percpu_counter rss_stat[4];
};

typedef struct {
  __s64 counter;
} atomic64_t;

struct mm_rss_stat { /* until 6.1 */
  atomic64_t count[4];
};

struct mm_struct___plain {
  struct mm_rss_stat rss_stat;
};

typedef struct {
  __u64 val;
} kernel_cap_t___u64; /* 6.3 */

struct cred___u64 {
  kernel_cap_t___u64 cap_inheritable;
  kernel_cap_t___u64 cap_permitted;
  kernel_cap_t___u64 cap_effective;
};

struct kernfs_node___parent { /* until 6.14 */
  struct kernfs_node* parent;
};

struct kernfs_node___underscored { /* 6.15: under RCU */
  struct kernfs_node* __parent;
};

#pragma clang attribute pop

/* Times of an inode changed their place three times. Can go when 6.11 is the oldest kernel. */
static __always_inline __u64 inode__ctime_ns(const void* inode) {
  const struct inode___split* split = TYPED(struct inode___split, inode);
  const struct inode___underscored* underscored = TYPED(struct inode___underscored, inode);
  const struct inode___timespec* timespec = TYPED(struct inode___timespec, inode);
  if (bpf_core_field_exists(split->i_ctime_sec))
    return READ(split, i_ctime_sec) * NSEC_PER_SEC + (READ(split, i_ctime_nsec) & ~CTIME_QUERIED);
  if (bpf_core_field_exists(underscored->__i_ctime))
    return READ(underscored, __i_ctime.tv_sec) * NSEC_PER_SEC + READ(underscored, __i_ctime.tv_nsec);
  if (bpf_core_field_exists(timespec->i_ctime))
    return READ(timespec, i_ctime.tv_sec) * NSEC_PER_SEC + READ(timespec, i_ctime.tv_nsec);
  return 0;
}

static __always_inline __u64 inode__mtime_ns(const void* inode) {
  const struct inode___split* split = TYPED(struct inode___split, inode);
  const struct inode___underscored* underscored = TYPED(struct inode___underscored, inode);
  const struct inode___timespec* timespec = TYPED(struct inode___timespec, inode);
  if (bpf_core_field_exists(split->i_mtime_sec)) return READ(split, i_mtime_sec) * NSEC_PER_SEC + READ(split, i_mtime_nsec);
  if (bpf_core_field_exists(underscored->__i_mtime))
    return READ(underscored, __i_mtime.tv_sec) * NSEC_PER_SEC + READ(underscored, __i_mtime.tv_nsec);
  if (bpf_core_field_exists(timespec->i_mtime))
    return READ(timespec, i_mtime.tv_sec) * NSEC_PER_SEC + READ(timespec, i_mtime.tv_nsec);
  return 0;
}

/* A kernel_cap_t is two __u32, low word first, until 6.2, and one __u64 since 6.3: on x86 the same 8 bytes. */
static __always_inline __u64 capabilities__read(const kernel_cap_t* capabilities) {
  __u64 bits = 0;
  bpf_probe_read_kernel(&bits, sizeof(bits), capabilities);
  return bits;
}

/* A set of capabilities of the typed pointer `cred`. */
#define READ_CAPABILITIES(cred, set)                                                                                            \
  (has_cast && bpf_core_field_exists(((const struct cred___u64*)(cred))->set.val) ? ((const struct cred___u64*)(cred))->set.val \
                                                                                  : capabilities__read(&(cred)->set))

/* Pages of one kind a process has. Since 6.2 without what CPUs have not yet added: up to some dozens each. Never negative. */
static __always_inline __u64 mm__pages(const struct mm_struct* mm, __u32 kind) {
  const struct mm_struct___percpu* percpu = (const void*)mm;
  const struct mm_struct___plain* plain = (const void*)mm;
  __s64 pages = 0;
  /* An index that is no literal would be counted in the sizes here, not in the kernel's. */
  if (bpf_core_type_exists(struct mm_rss_stat))
    bpf_probe_read_kernel(&pages, sizeof(pages), (const char*)&plain->rss_stat.count[0].counter + kind * sizeof(pages));
  else
    bpf_probe_read_kernel(&pages, sizeof(pages),
                          (const char*)&percpu->rss_stat[0].count + kind * bpf_core_type_size(struct percpu_counter));
  return pages < 0 ? 0 : pages;
}

/* The directory a kernfs node lies in, NULL for the root. Can go when 6.15 is the oldest kernel. */
static __always_inline struct kernfs_node* kernfs_node__parent(const void* node) {
  const struct kernfs_node___underscored* underscored = node;
  const struct kernfs_node___parent* parent = node;
  if (bpf_core_field_exists(underscored->__parent)) return BPF_CORE_READ(underscored, __parent);
  return BPF_CORE_READ(parent, parent);
}

#endif
