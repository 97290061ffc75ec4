/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracing tier: may a datagram be sent to this address? UDP only: the kernel has no such hook for others. */
#include "bpf/lib/network.bpf.h"

static __always_inline int sendmsg__decide(struct peer peer) {
  return peer__cgroup(HOOK_CGROUP_SENDMSG, OPERATION_SEND, &peer, call__of(SEND_TYPES, EVENT_TYPE_SENDMSG));
}

SEC("cgroup/sendmsg4")
int cgroup_sendmsg4(struct bpf_sock_addr* context) { return sendmsg__decide(peer__of_context4(context)); }

SEC("cgroup/sendmsg6")
int cgroup_sendmsg6(struct bpf_sock_addr* context) { return sendmsg__decide(peer__of_context6(context)); }
