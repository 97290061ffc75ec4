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
enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10 };

/* The socket behind a file, or NULL. */
static __always_inline struct socket* file__socket(struct file* file) {
  if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK) return NULL;
  return BPF_CORE_READ(file, private_data);
}

static __always_inline void event_sock__fill_inet(struct event_sock* sock, struct sock* sk) {
  if (sock->family == FAMILY_INET) {
    bpf_core_read(sock->local_ip, 4, &sk->__sk_common.skc_rcv_saddr);
    bpf_core_read(sock->remote_ip, 4, &sk->__sk_common.skc_daddr);
  } else if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) { /* CONFIG_IPV6 */
    bpf_core_read(sock->local_ip, 16, &sk->__sk_common.skc_v6_rcv_saddr);
    bpf_core_read(sock->remote_ip, 16, &sk->__sk_common.skc_v6_daddr);
  }
  sock->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
  sock->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* Appends the path of a struct sockaddr_un in kernel (`user` false) or user memory, `size` bytes with its family.
 * A pathname ends at its NUL, an abstract name begins with one and has its full length. */
static __noinline int unix_path__append(struct scratch* scratch, struct event_sock* sock, __u64 address, __u32 size, bool user) {
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

/* The name of the socket at the other end, if there is one. */
static __always_inline void event_sock__fill_unix(struct scratch* scratch, struct event_sock* sock, struct sock* sk) {
  if (!bpf_core_type_exists(struct unix_sock)) return; /* AF_UNIX as a module: the caller's address is used */
  const struct unix_sock* unix_socket = (const struct unix_sock*)sk;
  const struct unix_sock* peer = (const struct unix_sock*)BPF_CORE_READ(unix_socket, peer);
  if (!peer) return; /* not connected: the caller's address is used */
  const struct unix_address* name = BPF_CORE_READ(peer, addr);
  if (!name) return; /* unnamed peer */
  sock->remote_family = FAMILY_UNIX;
  unix_path__append(scratch, sock, (__u64)name + bpf_core_field_offset(struct unix_address, name), BPF_CORE_READ(name, len),
                    false);
}

/* The remote address as the caller passed it: what a failed connect was after. */
static __noinline int event_sock__fill_user(struct scratch* scratch, struct event_sock* sock, __u64 address, __u32 size) {
  if (!scratch || !sock) return 0;
  union {
    __kernel_sa_family_t family;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } sockaddr = {};
  __u32 wanted = size;
  if (wanted > sizeof(sockaddr)) wanted = sizeof(sockaddr);
  if (wanted < sizeof(sockaddr.family)) return 0; /* the call failed for it: no address to tell */
  HIDE(wanted);
  if (wanted > sizeof(sockaddr)) return 0; /* for the verifier */
  if (bpf_probe_read_user(&sockaddr, wanted, (const void*)address) != 0) {
    record__flag(scratch, EVENT_FLAG_USER_UNREAD);
    return 0;
  }
  sock->remote_family = sockaddr.family;
  if (sockaddr.family == FAMILY_INET) {
    __builtin_memset(sock->remote_ip, 0, sizeof(sock->remote_ip));
    __builtin_memcpy(sock->remote_ip, &sockaddr.v4.sin_addr, 4);
    sock->remote_port = bpf_ntohs(sockaddr.v4.sin_port);
  } else if (sockaddr.family == FAMILY_INET6) {
    __builtin_memcpy(sock->remote_ip, &sockaddr.v6.sin6_addr, 16);
    sock->remote_port = bpf_ntohs(sockaddr.v6.sin6_port);
  } else if (sockaddr.family == FAMILY_UNIX) {
    unix_path__append(scratch, sock, address, size, true);
  }
  return 0;
}

#endif
