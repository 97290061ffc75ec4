/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracing tier: may this address be taken? */
#include "bpf/lib/network.bpf.h"

static __always_inline int bind__decide(struct peer peer) {
  return peer__cgroup(HOOK_CGROUP_BIND, OPERATION_BIND, &peer, call__of(BIND_TYPES, EVENT_TYPE_BIND));
}

SEC("cgroup/bind4")
int cgroup_bind4(struct bpf_sock_addr* context) { return bind__decide(peer__of_context4(context)); }

SEC("cgroup/bind6")
int cgroup_bind6(struct bpf_sock_addr* context) { return bind__decide(peer__of_context6(context)); }
