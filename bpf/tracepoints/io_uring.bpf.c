/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What io_uring opened, where no LSM hook tells it: no system call of the table is made, and no user memory is looked at.
 *
 * A request is told when it completes: the file its descriptor, or its place in the ring's table, leads to. One that asked for no
 * completion if it succeeds (IOSQE_CQE_SKIP_SUCCESS) is told when it is submitted, by the name the kernel copied, its success
 * assumed. Not seen: a completion that does not fit into a full ring, what a kernel thread completes for a process that is no
 * more; the name of a request that failed is gone by then. */
#include <linux/io_uring.h>

#include "bpf/lib/open.bpf.h"
#include "bpf/lib/user.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* io_uring/openclose.c */
struct filename {
  const char* name;
};

struct open_how___kernel {
  __u64 flags;
  __u64 mode;
  __u64 resolve;
};

struct io_open {
  int dfd;
  __u32 file_slot; /* 1 + place in the ring's table; 0: a descriptor */
  struct filename* filename;
  struct open_how___kernel how;
};

/* include/linux/io_uring_types.h */
struct io_cqe {
  __s32 res;
};

struct io_kiocb {
  __u8 opcode;
  __u64 flags; /* 32 bits until 6.7: only its first byte is read */
  struct io_cqe cqe;
  struct io_ring_ctx* ctx;
};

struct io_fixed_file { /* until 6.12 */
  unsigned long file_ptr;
};

struct io_file_table___files {
  struct io_fixed_file* files;
};

struct io_ring_ctx___files {
  struct io_file_table___files file_table;
};

struct io_rsrc_node { /* 6.13 */
  unsigned long file_ptr;
};

struct io_rsrc_data___nodes {
  struct io_rsrc_node** nodes;
};

struct io_file_table___nodes {
  struct io_rsrc_data___nodes data;
};

struct io_ring_ctx___nodes {
  struct io_file_table___nodes file_table;
};

#pragma clang attribute pop

enum {
  SLOT_ALLOC = 0xffffffff,  /* IORING_FILE_INDEX_ALLOC: the result says which */
  SLOT_FLAGS = 7,           /* in file_ptr: what the file can do; io_uring/filetable.h */
  REQUEST_CQE_SKIP = 1 << 6 /* REQ_F_CQE_SKIP, include/linux/io_uring_types.h */
};

static __always_inline __u16 request__type(const struct io_kiocb* request) {
  const __u8 opcode = BPF_CORE_READ(request, opcode);
  if (opcode == IORING_OP_OPENAT) return EVENT_TYPE_OPENAT;
  return opcode == IORING_OP_OPENAT2 ? EVENT_TYPE_OPENAT2 : EVENT_TYPE_NONE;
}

/* The file in a place of the ring's own table, or NULL. */
static __always_inline struct file* slot__file(const void* ring, __u32 slot) {
  const struct io_ring_ctx___nodes* nodes = ring;
  const struct io_ring_ctx___files* files = ring;
  unsigned long file = 0;
  if (bpf_core_field_exists(nodes->file_table.data.nodes)) {
    struct io_rsrc_node* node = NULL;
    bpf_probe_read_kernel(&node, sizeof(node), BPF_CORE_READ(nodes, file_table.data.nodes) + slot);
    if (node) file = BPF_CORE_READ(node, file_ptr);
  } else if (bpf_core_field_exists(files->file_table.files)) {
    const char* table = (const char*)BPF_CORE_READ(files, file_table.files);
    if (table) bpf_probe_read_kernel(&file, sizeof(file), table + (__u64)slot * bpf_core_type_size(struct io_fixed_file));
  }
  return (struct file*)(file & ~(unsigned long)SLOT_FLAGS);
}

/* Begins the record of a request. */
static __always_inline struct event_open* request__begin(struct scratch** scratch, struct task_struct* task, __u16 type,
                                                         const struct io_open* open) {
  *scratch = record__begin(HOOK_IO_URING, CLASS_EVENT, EVENT_KIND_OPEN, sizeof(struct event_open));
  if (!*scratch) return NULL; /* counted by record__begin */
  struct event_open* event = (struct event_open*)(*scratch)->record;
  event_header__fill(*scratch, task);
  event->header.type = type;
  event->header.flags |= EVENT_FLAG_URING;
  event->open_flags = BPF_CORE_READ(open, how.flags);
  event->open_mode = BPF_CORE_READ(open, how.mode);
  event->resolve = BPF_CORE_READ(open, how.resolve);
  event->dirfd = BPF_CORE_READ(open, dfd);
  event->in_mount = PLACE_UNKNOWN; /* until there is a file */
  walk__set_root(&(*scratch)->buffer, task);
  if (capture_options & CAPTURE_CWD) cwd__append(*scratch, &event->cwd, task);
  return event;
}

SEC("tp_btf/io_uring_complete")
int tp_io_uring_complete(__u64* ctx) {
  __u64 address = 0; /* of the request; what follows it differs between kernels */
  bpf_probe_read_kernel(&address, sizeof(address), &ctx[1]);
  const struct io_kiocb* request = (const struct io_kiocb*)address;
  if (!request) return 0; /* one more completion of a request that goes on: no open */
  const __u16 type = request__type(request);
  struct task_struct* task = bpf_get_current_task_btf();
  if (type == EVENT_TYPE_NONE || !task->mm) return 0;          /* a kernel thread: the process has no files any more */
  const struct io_open* open = (const struct io_open*)request; /* the operation's part comes first */
  struct scratch* scratch;
  struct event_open* event = request__begin(&scratch, task, type, open);
  if (!event) return 0; /* counted by record__begin */
  const __s32 result = BPF_CORE_READ(request, cqe.res);
  event->ret = result;
  if (result >= 0) {
    const __u32 slot = BPF_CORE_READ(open, file_slot);
    struct file* file =
        !slot ? fd__file(task, result) : slot__file(BPF_CORE_READ(request, ctx), slot == SLOT_ALLOC ? (__u32)result : slot - 1);
    if (file)
      event_open__fill_opened(scratch, event, file);
    else
      record__flag(scratch, EVENT_FLAG_FD_GONE);
  }
  event__submit(scratch, HOOK_IO_URING);
  return 0;
}

/* Until 6.2 io_uring_submit_sqe: the loader looks which there is. The request is prepared, its name copied. */
SEC("tp_btf/io_uring_submit_req")
int tp_io_uring_submit(__u64* ctx) {
  __u64 address = 0;
  bpf_probe_read_kernel(&address, sizeof(address), &ctx[0]);
  const struct io_kiocb* request = (const struct io_kiocb*)address;
  __u8 flags = 0;
  bpf_probe_read_kernel(&flags, sizeof(flags), (const char*)request + bpf_core_field_offset(request->flags));
  if (!(flags & REQUEST_CQE_SKIP)) return 0; /* told by its completion */
  const __u16 type = request__type(request);
  if (type == EVENT_TYPE_NONE) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  const struct io_open* open = (const struct io_open*)request;
  struct scratch* scratch;
  struct event_open* event = request__begin(&scratch, task, type, open);
  if (!event) return 0; /* counted by record__begin */
  event->header.flags |= EVENT_FLAG_ASSUMED;
  event->fmode = (event->open_flags + 1) & O_ACCMODE & (FMODE_READ | FMODE_WRITE); /* as OPEN_FMODE (include/linux/fs.h) */
  if (kernel_string__append(scratch, &event->name, (__u64)BPF_CORE_READ(open, filename, name)))
    base__append(scratch, &event->base, task, event->dirfd);
  event__submit(scratch, HOOK_IO_URING);
  return 0;
}
