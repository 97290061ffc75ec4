/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record's life: begin (counted, a scratch slot claimed), fill, append blobs, submit (delivered or counted as lost, slot
 * released). */
#ifndef SHRIKE_BPF_LIB_RECORD_BPF_H
#define SHRIKE_BPF_LIB_RECORD_BPF_H

#include "bpf/lib/quota.bpf.h"

_Static_assert(sizeof(struct event_paths) + 5 * USER_PATH_MAX <= RECORD_BYTES_MAX, "the largest record");
_Static_assert(sizeof(struct event_process) + 2 * PATH_BYTES_MAX + ARGS_BYTES_MAX <= RECORD_BYTES_MAX,
               "the largest process record");

/* Hides from the compiler where a value came from, so that it keeps the bounds check or mask that follows for the verifier. */
#define HIDE(value) asm volatile("" : "+r"(value))

static __always_inline struct event_header* record__header(struct scratch* scratch) {
  return (struct event_header*)scratch->record;
}

static __always_inline struct hook_counters* counters__of(__u32 hook) { return bpf_map_lookup_elem(&hook_counters, &hook); }

static __always_inline struct class_counters* counters__of_class(__u32 class) {
  return bpf_map_lookup_elem(&class_counters, &class);
}

static __always_inline void record__flag(struct scratch* scratch, __u32 flag) { record__header(scratch)->flags |= flag; }

/* A free slot of this CPU's, or NULL. Programs that preempt or nest each other get different ones. */
static __always_inline struct scratch* scratch__claim(void) {
  const __u32 first = bpf_get_smp_processor_id() * SCRATCH_PER_CPU;
#pragma unroll
  for (__u32 i = 0; i < SCRATCH_PER_CPU; ++i) {
    const __u32 index = first + i;
    struct scratch* scratch = bpf_map_lookup_elem(&scratch_pool, &index);
    if (scratch && __sync_val_compare_and_swap(&scratch->busy, 0, 1) == 0) return scratch;
  }
  return NULL;
}

static __always_inline void scratch__release(struct scratch* scratch) { __sync_lock_test_and_set(&scratch->busy, 0); }

/* Begins a record of `size` fixed bytes, all zero but the header's own fields. NULL: counted as lost_no_scratch. */
static __always_inline struct scratch* record__begin(__u32 hook, __u32 class, __u16 kind, __u32 size) {
  const __u64 now = bpf_ktime_get_boot_ns();
  struct hook_counters* counters = counters__of(hook);
  if (!counters) return NULL; /* for the verifier: hook < HOOK_COUNT */
  const __u64 seq = __sync_fetch_and_add(&counters->produced, 1);
  struct class_counters* of_class = counters__of_class(class);
  if (of_class) __sync_fetch_and_add(&of_class->produced, 1); /* else CLASS_COUNT: no ring */
  struct scratch* scratch = scratch__claim();
  if (!scratch) {
    __sync_fetch_and_add(&counters->lost_no_scratch, 1);
    if (of_class) __sync_fetch_and_add(&of_class->lost_no_scratch, 1);
    return NULL;
  }
  scratch->used = size;
  struct event_header* header = record__header(scratch);
  __builtin_memset(header, 0, size);
  header->time_ns = now;
  header->seq = seq;
  header->kind = kind;
  header->version = ABI_VERSION;
  header->hook = hook;
  header->cpu = bpf_get_smp_processor_id();
  return scratch;
}

/* The free end of the record, if `room` bytes fit there. They always do (see the asserts above): NULL is for the verifier. */
static __always_inline void* record__end(struct scratch* scratch, __u32 room) {
  __u32 used = scratch->used;
  HIDE(used);
  if (used > RECORD_BYTES_MAX - room) return NULL;
  return (char*)scratch->record + used;
}

/* The `size` bytes written at record__end become `blob`. */
static __always_inline void record__take(struct scratch* scratch, struct blob* blob, __u32 size) {
  blob->offset = scratch->used;
  blob->size = size;
  scratch->used += size;
}

/* Rounds the record up to 8 bytes, the new ones zero, and returns its size, at most RECORD_BYTES_MAX. */
static __always_inline __u32 record__align(struct scratch* scratch) {
  __u32 used = scratch->used;
  HIDE(used);
  if (used > RECORD_BYTES_MAX) used = RECORD_BYTES_MAX; /* for the verifier */
  *(__u64*)((char*)scratch->record + used) = 0;
  used = (used + 7) & ~7U;
  scratch->used = used;
  return used;
}

static __always_inline __u32 record__finish(struct scratch* scratch) {
  const __u32 used = record__align(scratch);
  record__header(scratch)->size = used;
  return used;
}

/* Counts what the record could not say. */
static __always_inline void record__count_flags(const struct event_header* header, struct hook_counters* counters) {
  const __u32 flags = header->flags;
  if (!flags) return;
  if (flags & EVENT_FLAG_USER_UNREAD) __sync_fetch_and_add(&counters->user_unread, 1);
  if (flags & EVENT_FLAG_PATH_TRUNCATED) __sync_fetch_and_add(&counters->path_truncated, 1);
  if (flags & EVENT_FLAG_FD_GONE) __sync_fetch_and_add(&counters->fd_gone, 1);
}

/* The reader polls, and is woken only when what it has to read grows past a multiple of `step`, so that a wake-up (an interrupt:
 * microseconds in a guest) is paid per batch, even while the reader lags. Two CPUs may step over it together unnoticed: then the
 * next multiple, or the poll. */
static __always_inline __u64 ring__wakeup(__u64 unread, __u32 size, __u64 step) {
  return unread / step != (unread + size + BPF_RINGBUF_HDR_SZ) / step ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Delivers the record to the ring of its class (the one it was begun for) or counts it as lost; the slot is free afterwards. */
static __always_inline void record__submit(struct scratch* scratch, __u32 hook, __u32 class, void* ring, __u64 wakeup_bytes) {
  struct hook_counters* counters = counters__of(hook);
  struct class_counters* of_class = counters__of_class(class);
  if (!counters || !of_class) return; /* for the verifier */
  __u32 size = record__finish(scratch);
  HIDE(size);
  if (size <= RECORD_BYTES_MAX) { /* for the verifier */
    const struct event_header* header = record__header(scratch);
    record__count_flags(header, counters);
    const __u64 unread = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
    if (class == CLASS_EVENT && unread > quota_above && quota__refuses(header->cgroup_id, size + BPF_RINGBUF_HDR_SZ, unread)) {
      __sync_fetch_and_add(&counters->lost_quota, 1);
      __sync_fetch_and_add(&of_class->lost_quota, 1);
    } else if (bpf_ringbuf_output(ring, scratch->record, size, ring__wakeup(unread, size, wakeup_bytes)) != 0) {
      __sync_fetch_and_add(&counters->lost_ring_full, 1);
      __sync_fetch_and_add(&of_class->lost_ring_full, 1);
      share__count_full(header->cgroup_id, class);
    }
  }
  scratch__release(scratch);
}

static __always_inline void verdict__submit(struct scratch* scratch, __u32 hook) {
  record__submit(scratch, hook, CLASS_VERDICT, &verdicts, verdicts_wakeup_bytes);
}

static __always_inline void process__submit(struct scratch* scratch, __u32 hook) {
  record__submit(scratch, hook, CLASS_PROCESS, &processes, processes_wakeup_bytes);
}

static __always_inline void event__submit(struct scratch* scratch, __u32 hook) {
  record__submit(scratch, hook, CLASS_EVENT, &events, events_wakeup_bytes);
}

#endif
