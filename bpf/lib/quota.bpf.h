/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who floods the ring of events shall not keep others out of it.
 *
 * Up to quota_above unread bytes the ring is everybody's. Beyond, a cgroup may hold no more of it than half of what is still
 * free: however many flood, something is left, and each finds less the more there are. What a cgroup holds is bounded from above
 * by what it wrote since the reader was last known to be past all it had written before: two counters that take turns, and
 * nothing the reader has to tell. Counters of concurrent writers may miss each other by a record; the ring's own bound holds. */
#ifndef SHRIKE_BPF_LIB_QUOTA_BPF_H
#define SHRIKE_BPF_LIB_QUOTA_BPF_H

#include "bpf/lib/maps.bpf.h"

/* The entry of the cgroup, or the common one if there is no room (or no memory). NULL is for the verifier. */
static __always_inline struct cgroup_share* share__of(__u64 cgroup) {
  struct cgroup_share* share = bpf_map_lookup_elem(&cgroup_shares, &cgroup);
  if (share) return share;
  const struct cgroup_share none = {};
  bpf_map_update_elem(&cgroup_shares, &cgroup, &none, BPF_NOEXIST); /* fails if full, or if another CPU was first */
  share = bpf_map_lookup_elem(&cgroup_shares, &cgroup);
  if (share) return share;
  const __u64 others = 0;
  return bpf_map_lookup_elem(&cgroup_shares, &others);
}

/* Global: the verifier walks it once. Non-zero: the cgroup has had its share, and the loss is counted with it. */
__weak __noinline int quota__refuses(__u64 cgroup, __u32 size, __u64 unread) {
  struct cgroup_share* share = share__of(cgroup);
  if (!share) return 0;
  const __u64 room = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);
  const __u64 read = bpf_ringbuf_query(&events, BPF_RB_CONS_POS);
  const __u64 end = bpf_ringbuf_query(&events, BPF_RB_PROD_POS);
  const __u64 mark = share->mark;
  if (read >= mark && __sync_val_compare_and_swap(&share->mark, mark, end) == mark) {
    const __u64 written = __sync_lock_test_and_set(&share->current, 0);
    share->previous = read >= share->end ? 0 : written;
  }
  const __u64 free = room > unread ? room - unread : 0;
  if (share->current + share->previous + size > free / 2) {
    __sync_fetch_and_add(&share->lost_quota, 1);
    return 1;
  }
  __sync_fetch_and_add(&share->current, size);
  share->end = end + size;
  return 0;
}

/* Counts with the cgroup a record its ring was too full for. */
__weak __noinline int share__count_full(__u64 cgroup, __u32 class) {
  if (class >= CLASS_COUNT) return 0;
  struct cgroup_share* share = share__of(cgroup);
  if (share) __sync_fetch_and_add(&share->lost_ring_full[class], 1);
  return 0;
}

#endif
