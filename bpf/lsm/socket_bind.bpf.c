/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* May this address be taken? */
#include "bpf/lib/network.bpf.h"

SEC("lsm/socket_bind")
int lsm_socket_bind(__u64* ctx) {
  const struct socket* socket = (const struct socket*)ctx[0];
  struct peer peer = {};
  peer__read_socket(&peer, socket);
  peer__read(&peer, (const void*)ctx[1], ctx[2], false);
  return peer__lsm(HOOK_SOCKET_BIND, OPERATIONS(OPERATION_BIND, OPERATION_BIND), OPERATION_BIND, &peer,
                   call__of(BIND_TYPES, EVENT_TYPE_BIND));
}
