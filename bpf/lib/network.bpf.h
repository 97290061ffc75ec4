/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Decisions about an address: connect, sends to one, bind. Shared by LSM and cgroup programs. */
#ifndef SHRIKE_BPF_LIB_NETWORK_BPF_H
#define SHRIKE_BPF_LIB_NETWORK_BPF_H

#include <linux/in.h>

#include "bpf/lib/decide.bpf.h"
#include "bpf/lib/sock.bpf.h"

#define CONNECT_TYPES TYPE(EVENT_TYPE_CONNECT)
#define SEND_TYPES (TYPE(EVENT_TYPE_SENDTO) | TYPE(EVENT_TYPE_SENDMSG) | TYPE(EVENT_TYPE_SENDMMSG))
#define BIND_TYPES TYPE(EVENT_TYPE_BIND)

/* The address a call is about, and the socket it is about it with. */
struct peer {
  __u8 ip[16];  /* IPv4 as ::ffff:a.b.c.d; zero if there is none */
  __u16 family; /* FAMILY_INET (v4-mapped too), FAMILY_INET6, or another's, which has no address here */
  __u16 port;   /* host order */
  __u16 socket_family;
  __u16 socket_type;
  __u16 protocol; /* IPPROTO_… */
  __u16 reserved;
};

static __always_inline void peer__set_v4(struct peer* peer, __u32 address, __u16 port) {
  peer->family = FAMILY_INET;
  peer->port = bpf_ntohs(port);
  peer->ip[10] = peer->ip[11] = 0xff;
  __builtin_memcpy(peer->ip + 12, &address, 4);
}

static __always_inline void peer__set_v6(struct peer* peer, const void* address, __u16 port) {
  __builtin_memcpy(peer->ip, address, 16);
  const __u32* words = address;
  peer->family = words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff) ? FAMILY_INET : FAMILY_INET6;
  peer->port = bpf_ntohs(port);
}

/* From a struct sockaddr in kernel memory. The kernel takes AF_UNSPEC for AF_INET where it sends from or binds an IPv4 socket
 * (udp_sendmsg, __inet_bind), so do we; to connect it means to disconnect. */
static __always_inline void peer__read(struct peer* peer, const void* address, int size, bool connect) {
  union {
    __kernel_sa_family_t family;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } sockaddr = {};
  if (!address || size < (int)sizeof(sockaddr.family)) return; /* no address */
  __u32 wanted = size;
  if (wanted > sizeof(sockaddr)) wanted = sizeof(sockaddr);
  HIDE(wanted);
  if (wanted > sizeof(sockaddr)) return; /* for the verifier */
  bpf_probe_read_kernel(&sockaddr, wanted, address);
  const __u16 family = sockaddr.family;
  peer->family = family;
  if (family == FAMILY_INET || (family == 0 && !connect && peer->socket_family == FAMILY_INET))
    peer__set_v4(peer, sockaddr.v4.sin_addr.s_addr, sockaddr.v4.sin_port);
  else if (family == FAMILY_INET6)
    peer__set_v6(peer, &sockaddr.v6.sin6_addr, sockaddr.v6.sin6_port);
}

static __always_inline void peer__read_socket(struct peer* peer, const struct socket* socket) {
  const struct sock* sk = BPF_CORE_READ(socket, sk);
  peer->socket_type = BPF_CORE_READ(socket, type);
  peer->socket_family = BPF_CORE_READ(sk, __sk_common.skc_family);
  peer->protocol = BPF_CORE_READ(sk, sk_protocol);
}

static __always_inline bool peer__has_address(const struct peer* peer) {
  return peer->family == FAMILY_INET || peer->family == FAMILY_INET6;
}

/* As the engine's fd.l4proto tells them apart. */
static __always_inline __u32 peer__protocol(const struct peer* peer) {
  const bool raw = peer->socket_type == SOCKET_RAW;
  if (raw && peer->socket_family != FAMILY_NETLINK && peer->socket_family != FAMILY_PACKET) return PROTOCOL_RAW;
  if (!peer__has_address(peer)) return PROTOCOL_OTHER;
  switch (peer->protocol) {
    case IPPROTO_TCP:
    case IPPROTO_MPTCP: /* speaks plain TCP to who does not know it */
      return PROTOCOL_TCP;
    case IPPROTO_UDP:
      return PROTOCOL_UDP;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return PROTOCOL_ICMP;
  }
  return PROTOCOL_OTHER;
}

SUBPROGRAM int peer__apply(struct decision* decision, const struct peer* peer) {
  if (!decision || !peer) return 0;
  const __u32 fields = decision->fields;
  const bool address = peer__has_address(peer);
  if (fields & FIELD(FIELD_PROTOCOL)) vector__and(decision->alive, index__vector(decision, FIELD_PROTOCOL, peer__protocol(peer)));
  struct policy_range_key key = {};
  if (fields & FIELD(FIELD_PORT)) {
    *(__u16*)key.number = bpf_htons(peer->port);
    vector__and(decision->alive, address ? range__vector(decision, FIELD_PORT, 16, &key) : absent__vector(decision, FIELD_PORT));
  }
  if (fields & FIELD(FIELD_ADDRESS)) {
    __builtin_memcpy(key.number, peer->ip, sizeof(key.number));
    vector__and(decision->alive,
                address ? range__vector(decision, FIELD_ADDRESS, 128, &key) : absent__vector(decision, FIELD_ADDRESS));
  }
  return 0;
}

SUBPROGRAM int peer__report(const struct decision* decision, const struct peer* peer, __u16 type, bool told) {
  if (!decision || !peer) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  const __u32 hook = decision->hook;
  struct scratch* scratch = record__begin(hook, CLASS_VERDICT, EVENT_KIND_SOCKET, sizeof(struct event_socket));
  if (!scratch) return 0; /* counted by record__begin */
  struct event_socket* event = (struct event_socket*)scratch->record;
  event_header__fill(scratch, task);
  event->header.type = type;
  const bool refused = decision->verdict.flags & EVENT_VERDICT_REFUSED;
  if (told) event->header.flags |= EVENT_FLAG_VERDICT_ONLY;
  if (!refused) event->header.flags |= EVENT_FLAG_ASSUMED;
  event->ret = refused ? -EPERM_ : 0;
  event->fd = -1; /* no hook knows it */
  event->sock.family = peer->socket_family;
  event->sock.protocol = peer->protocol;
  event->sock.socket_type = peer->socket_type;
  const bool bind = type == EVENT_TYPE_BIND; /* the local end, in the socket's own family */
  if (bind) {
    event->sock.local_port = peer->port;
    if (event->sock.family == FAMILY_INET)
      __builtin_memcpy(event->sock.local_ip, peer->ip + 12, 4);
    else
      __builtin_memcpy(event->sock.local_ip, peer->ip, 16);
  } else {
    event->sock.remote_family = peer->family;
    event->sock.remote_port = peer->port;
    if (peer->family == FAMILY_INET)
      __builtin_memcpy(event->sock.remote_ip, peer->ip + 12, 4);
    else
      __builtin_memcpy(event->sock.remote_ip, peer->ip, 16);
  }
  walk__set_root(&scratch->buffer, task);
  if (capture_options & CAPTURE_CWD) cwd__append(scratch, &event->cwd, task);
  verdict__append(scratch, &decision->verdict);
  verdict__submit(scratch, hook);
  return 0;
}

/* ANDs what is left; true: something hit. `operation` is told with the verdict. */
static __always_inline bool peer__decide(struct decision* decision, struct task_struct* task, const struct peer* peer) {
  struct hook_counters* counters = counters__of(decision->hook);
  if (!counters) return false; /* for the verifier */
  if (!subject__apply(decision, task, BPF_CORE_READ(task, cred, euid.val))) return false;
  __sync_fetch_and_add(&counters->decided, 1);
  peer__apply(decision, peer);
  return words__any(decision->alive);
}

/* A whole LSM decision about an address. Returns what the hook returns. */
static __always_inline int peer__lsm(__u32 hook, __u64 operations, __u16 operation, const struct peer* peer,
                                     struct call_type call) {
  struct task_struct* task = bpf_get_current_task_btf();
  bool refuse;
  struct decision* decision = decision__begin(task, hook, operations, &refuse);
  if (!decision) return hook__result(refuse); /* 0: no clause can hit */
  if (peer__decide(decision, task, peer)) {
    refuse = decision__act(decision, operation, true);
    if (decision->verdict.rule_count != 0) peer__report(decision, peer, call.type, call.told);
  }
  decision__release(decision);
  return hook__result(refuse); /* 0: no enforcing rule hits */
}

/* The same for a cgroup program, which can't kill: the thread is marked, and sys_exit kills it. Returns 1 to allow. */
static __always_inline int peer__cgroup(__u32 hook, __u16 operation, const struct peer* peer, struct call_type call) {
  struct task_struct* task = bpf_get_current_task_btf();
  bool refuse;
  struct decision* decision = decision__begin(task, hook, OPERATIONS(operation, operation), &refuse);
  if (!decision) return !refuse; /* 1: no clause can hit */
  if (peer__decide(decision, task, peer)) {
    refuse = decision__finish(decision, operation, true);
    if (decision->verdict.rule_count != 0) peer__report(decision, peer, call.type, call.told);
    if (decision->verdict.rule_count != 0 && decision->verdict.flags & EVENT_VERDICT_KILLED) {
      const __u64 thread = bpf_get_current_pid_tgid();
      const __u32 generation = decision->generation;
      bpf_map_update_elem(&doomed_threads, &thread, &generation,
                          BPF_ANY); /* LRU: no failure but none to be had; refused all the same */
    }
  }
  decision__release(decision);
  return !refuse;
}

/* From the context of a cgroup program; the kernel lets each read its own family's address only. */
static __always_inline struct peer peer__of_context(const struct bpf_sock_addr* context) {
  return (struct peer){.socket_family = context->family, .socket_type = context->type, .protocol = context->protocol};
}

static __always_inline struct peer peer__of_context4(const struct bpf_sock_addr* context) {
  struct peer peer = peer__of_context(context);
  peer__set_v4(&peer, context->user_ip4, context->user_port);
  return peer;
}

static __always_inline struct peer peer__of_context6(const struct bpf_sock_addr* context) {
  struct peer peer = peer__of_context(context);
  const __u32 address[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]};
  peer__set_v6(&peer, address, context->user_port);
  return peer;
}

#endif
