/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* May something be sent to this address? sendto, sendmsg, sendmmsg and io_uring's, if they name one; without one the peer is that
 * of an earlier connect. TCP Fast Open connects here, and nowhere else. */
#include "bpf/lib/network.bpf.h"

enum { MSG_FASTOPEN_ = 0x20000000 /* include/linux/socket.h */ };

SEC("lsm/socket_sendmsg")
int lsm_socket_sendmsg(__u64* ctx) {
  const struct socket* socket = (const struct socket*)ctx[0];
  const struct msghdr* message = (const struct msghdr*)ctx[1];
  const void* address = BPF_CORE_READ(message, msg_name);
  if (!address) return 0; /* no address: decided when it was connected */
  struct peer peer = {};
  peer__read_socket(&peer, socket);
  peer__read(&peer, address, BPF_CORE_READ(message, msg_namelen), false);
  const bool stream = peer.socket_type == SOCKET_STREAM;
  if (stream && !(BPF_CORE_READ(message, msg_flags) & MSG_FASTOPEN_)) return 0; /* the kernel ignores the address */
  const __u64 operations = OPERATIONS(OPERATION_SEND, stream ? OPERATION_CONNECT : OPERATION_SEND);
  return peer__lsm(HOOK_SOCKET_SENDMSG, operations, stream ? OPERATION_CONNECT : OPERATION_SEND, &peer,
                   call__of(SEND_TYPES, EVENT_TYPE_SENDMSG));
}
