/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* May this peer be reached? connect(2) and io_uring's; the address is the kernel's copy. */
#include "bpf/lib/network.bpf.h"

SEC("lsm/socket_connect")
int lsm_socket_connect(__u64* ctx) {
  const struct socket* socket = (const struct socket*)ctx[0];
  struct peer peer = {};
  peer__read_socket(&peer, socket);
  peer__read(&peer, (const void*)ctx[1], ctx[2], true);
  return peer__lsm(HOOK_SOCKET_CONNECT, OPERATIONS(OPERATION_CONNECT, OPERATION_CONNECT), OPERATION_CONNECT, &peer,
                   call__of(CONNECT_TYPES, EVENT_TYPE_CONNECT));
}
