/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets: both ends as the kernel's socket has them, or the address the caller passed. */
#ifndef SHRIKE_BPF_LIB_SOCK_BPF_H
#define SHRIKE_BPF_LIB_SOCK_BPF_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/stat.h>
#include <linux/un.h>

#include <bpf/bpf_endian.h>

#include "bpf/lib/user.bpf.h"

/* include/linux/socket.h; not in uapi */
enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10, FAMILY_NETLINK = 16, FAMILY_PACKET = 17 };

enum { SOCKET_STREAM = 1, SOCKET_DGRAM = 2, SOCKET_RAW = 3 /* include/linux/net.h; not in uapi */ };

/* The socket behind a file, or NULL. */
static __always_inline struct socket* file__socket(struct file* file) {
  if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK) return NULL;
  return BPF_CORE_READ(file, private_data);
}

static __always_inline void event_sock__fill_inet(struct event_sock* sock, const struct sock* sk) {
  if (sock->family == FAMILY_INET) {
    bpf_core_read(sock->local_ip, 4, &sk->__sk_common.skc_rcv_saddr);
    bpf_core_read(sock->remote_ip, 4, &sk->__sk_common.skc_daddr);
  } else if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) { /* CONFIG_IPV6 */
    bpf_core_read(sock->local_ip, 16, &sk->__sk_common.skc_v6_rcv_saddr);
    bpf_core_read(sock->remote_ip, 16, &sk->__sk_common.skc_v6_daddr);
  }
  if (sock->socket_type != SOCKET_RAW) sock->local_port = BPF_CORE_READ(sk, __sk_common.skc_num); /* raw: the protocol */
  sock->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* Appends the path of a struct sockaddr_un in kernel (`user` false) or user memory, `size` bytes with its family.
 * A pathname ends at its NUL, an abstract name begins with one and has its full length. */
SUBPROGRAM int unix_path__append(struct scratch* scratch, struct event_sock* sock, __u64 address, __u32 size, bool user) {
  if (!scratch || !sock) return 0;
  const __u32 skip = sizeof(__kernel_sa_family_t);
  if (size <= skip) return 0; /* unnamed: an empty path is what it has */
  __u32 room = size - skip;
  if (room > UNIX_PATH_MAX) room = UNIX_PATH_MAX;
  char* to = record__end(scratch, UNIX_PATH_MAX + 8);
  if (!to) return 0; /* for the verifier */
  HIDE(room);
  if (room > UNIX_PATH_MAX) return 0; /* for the verifier */
  const void* from = (const void*)(address + skip);
  const long failed = user ? bpf_probe_read_user(to, room, from) : bpf_probe_read_kernel(to, room, from);
  if (failed) {
    record__flag(scratch, EVENT_FLAG_USER_UNREAD);
    return 0;
  }
  if (*to != '\0') {
    to[room] = '\0';
    char name[UNIX_PATH_MAX + 1];
    const long length = bpf_probe_read_kernel_str(name, sizeof(name), to);
    if (length > 0) room = length - 1;
  }
  record__take(scratch, &sock->unix_path, room);
  return 0;
}

/* Appends a socket's own name. False: it has none. */
static __always_inline bool unix_name__append(struct scratch* scratch, struct event_sock* sock, const struct unix_sock* of) {
  const struct unix_address* name = BPF_CORE_READ(of, addr);
  if (!name) return false;
  unix_path__append(scratch, sock, (__u64)name + bpf_core_field_offset(struct unix_address, name), BPF_CORE_READ(name, len),
                    false);
  return true;
}

/* The peer's name, else its own: an accepted socket has that of the one that listens, and a peer without a name. */
static __always_inline void event_sock__fill_unix(struct scratch* scratch, struct event_sock* event, struct sock* sk) {
  if (!bpf_core_type_exists(struct unix_sock)) return; /* AF_UNIX as a module: the caller's address is used */
  const struct unix_sock* own = (const struct unix_sock*)sk;
  const struct unix_sock* peer = (const struct unix_sock*)BPF_CORE_READ(own, peer);
  const bool peer_named = peer && BPF_CORE_READ(peer, addr);
  const bool named = BPF_CORE_READ(own, addr);
  if (BPF_CORE_READ(sk, __sk_common.skc_state) == STATE_LISTEN)
    event->role = SOCKET_ROLE_SERVER;
  else if (peer && named != peer_named && event->socket_type != SOCKET_DGRAM)
    event->role = named ? SOCKET_ROLE_SERVER : SOCKET_ROLE_CLIENT;
  if (peer) event->connected = 1;
  if (peer_named || named) event->remote_family = FAMILY_UNIX;
  if (peer_named)
    unix_name__append(scratch, event, peer);
  else
    unix_name__append(scratch, event, own);
}

/* Who called whom, of an internet socket. TCP: a port that connect chose lies in an entry whose fastreuse is -1, one that bind
 * chose does not, and an accepted socket shares the entry of the one that listens. Of those with bind's, an accepted socket has
 * lost BINDPORT_LOCK. So what is told wrong is the client that binds to port 0 before it connects (told as a server), and what is
 * accepted on a port that a client already had when the server bound it, both with SO_REUSEADDR (told as a client). Closed ones
 * have no entry, nor have MPTCP's: unknown. UDP: who connected is the client. */
static __always_inline __u8 sock__role(const struct sock* sk, const struct event_sock* event) {
  const __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
  if (event->socket_type == SOCKET_DGRAM) return state == STATE_ESTABLISHED ? SOCKET_ROLE_CLIENT : SOCKET_ROLE_UNKNOWN;
  if (event->socket_type != SOCKET_STREAM) return SOCKET_ROLE_UNKNOWN;
  if (state == STATE_LISTEN) return SOCKET_ROLE_SERVER;
  if (event->protocol != IPPROTO_TCP || event->remote_port == 0) return SOCKET_ROLE_UNKNOWN;
  const struct inet_bind_bucket* bucket = BPF_CORE_READ((const struct inet_connection_sock*)sk, icsk_bind_hash);
  if (!bucket) return SOCKET_ROLE_UNKNOWN;
  if (BPF_CORE_READ(bucket, fastreuse) < 0 || BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & BINDPORT_LOCK)
    return SOCKET_ROLE_CLIENT;
  return SOCKET_ROLE_SERVER;
}

/* All the kernel knows of the socket behind a file. Leaves family 0 if it is none, or closing. */
SUBPROGRAM int event_sock__fill(struct scratch* scratch, struct event_sock* event, struct file* file) {
  if (!scratch || !event) return 0;
  struct socket* socket = file__socket(file);
  if (!socket) return 0;
  struct sock* sk = BPF_CORE_READ(socket, sk);
  if (!sk) return 0;
  event->socket_type = BPF_CORE_READ(socket, type);
  event->family = BPF_CORE_READ(sk, __sk_common.skc_family);
  event->protocol = BPF_CORE_READ(sk, sk_protocol);
  if (BPF_CORE_READ(socket, state) == SS_CONNECTED) event->connected = 1;
  if (event->family == FAMILY_INET || event->family == FAMILY_INET6) {
    event_sock__fill_inet(event, sk);
    event->role = sock__role(sk, event);
    if (event->remote_port != 0) event->remote_family = event->family;
    if (event->socket_type == SOCKET_DGRAM && event->role == SOCKET_ROLE_CLIENT) event->connected = 1;
  } else if (event->family == FAMILY_UNIX) {
    event_sock__fill_unix(scratch, event, sk);
  }
  return 0;
}

/* An address as the caller passed it: the end a call was after, and the kernel's socket has not. `local`: it is the socket's own,
 * else the remote one. */
SUBPROGRAM int event_sock__fill_user(struct scratch* scratch, struct event_sock* sock, __u64 address, __u32 size, bool local) {
  if (!scratch || !sock) return 0;
  union {
    __kernel_sa_family_t family;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } sockaddr = {};
  __u32 wanted = size;
  if (wanted > sizeof(sockaddr)) wanted = sizeof(sockaddr);
  if (wanted < sizeof(sockaddr.family)) return 0; /* the call failed for it, or has none: no address to tell */
  HIDE(wanted);
  if (wanted > sizeof(sockaddr)) return 0; /* for the verifier */
  if (bpf_probe_read_user(&sockaddr, wanted, (const void*)address) != 0) {
    record__flag(scratch, EVENT_FLAG_USER_UNREAD);
    return 0;
  }
  if (!local || sockaddr.family == FAMILY_UNIX) sock->remote_family = sockaddr.family;
  if (sockaddr.family == FAMILY_UNIX) return unix_path__append(scratch, sock, address, size, true);
  __u8* ip = local ? sock->local_ip : sock->remote_ip;
  __u16 port = 0;
  __builtin_memset(ip, 0, sizeof(sock->local_ip));
  if (sockaddr.family == FAMILY_INET) {
    __builtin_memcpy(ip, &sockaddr.v4.sin_addr, 4);
    port = bpf_ntohs(sockaddr.v4.sin_port);
  } else if (sockaddr.family == FAMILY_INET6) {
    __builtin_memcpy(ip, &sockaddr.v6.sin6_addr, 16);
    port = bpf_ntohs(sockaddr.v6.sin6_port);
  }
  if (local)
    sock->local_port = port;
  else
    sock->remote_port = port;
  return 0;
}

#endif
