/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracing tier: may this peer be reached? connect, and TCP Fast Open, which the kernel leads through the same hook. */
#include "bpf/lib/network.bpf.h"

static __always_inline int connect__decide(struct peer peer) {
  return peer__cgroup(HOOK_CGROUP_CONNECT, OPERATION_CONNECT, &peer, call__of(CONNECT_TYPES, EVENT_TYPE_CONNECT));
}

SEC("cgroup/connect4")
int cgroup_connect4(struct bpf_sock_addr* context) { return connect__decide(peer__of_context4(context)); }

SEC("cgroup/connect6")
int cgroup_connect6(struct bpf_sock_addr* context) { return connect__decide(peer__of_context6(context)); }
