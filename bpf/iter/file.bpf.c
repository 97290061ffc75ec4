/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel knows the daemon's open files as (the link is made for its pid alone): device and inode as programs compare
 * them. stat(2) says others on btrfs and overlays. */
#include "bpf/lib/maps.bpf.h"

SEC("iter/task_file")
int iter_file(struct bpf_iter__task_file* ctx) {
  struct task_struct* task = ctx->task;
  struct file* file = ctx->file;
  if (!task || !file) return 0; /* the end: nothing to count */
  const struct inode* inode = BPF_CORE_READ(file, f_inode);
  const struct file_identity identity = {.fd = ctx->fd,
                                         .dev = BPF_CORE_READ(inode, i_sb, s_dev),
                                         .ino = BPF_CORE_READ(inode, i_ino),
                                         .inode_generation = BPF_CORE_READ(inode, i_generation),
                                         .tgid = task->tgid};
  bpf_seq_write(ctx->meta->seq, &identity, sizeof(identity)); /* full: the kernel calls again for the same file */
  return 0;
}
