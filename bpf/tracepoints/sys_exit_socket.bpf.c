/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls about a socket and its other end. What the kernel's socket has of both ends is told; user memory has the word where the
 * socket does not know: the address of a datagram, the address a failed call was after, and all that is transferred. */
#include "bpf/lib/call.bpf.h"
#include "bpf/lib/sock.bpf.h"

enum { EINPROGRESS_ = 115 /* include/uapi/asm-generic/errno.h */ };

/* What a send or receive is given, wherever that stands. */
struct message {
  __u64 name; /* struct sockaddr */
  __u64 iov;  /* struct iovec; `count` 0: the memory itself, `size` bytes */
  __u64 count;
  __u64 size;
  __u64 control;
  __u64 control_size;
  __u32 name_size;
  __u32 first_length; /* sendmmsg: bytes sent of the first message */
};

/* struct user_msghdr (include/linux/socket.h) with what struct mmsghdr has behind it. */
struct msghdr64 {
  __u64 name;
  __u32 name_size;
  __u32 padding;
  __u64 iov, count, control, control_size;
  __u32 flags;
  __u32 padding_too;
  __u32 length;
};

/* struct compat_msghdr (include/net/compat.h), likewise. */
struct msghdr32 {
  __u32 name, name_size, iov, count, control, control_size, flags;
  __u32 length;
};

/* The header at `at`, as it is after the call: of a receive, sizes are what the kernel wrote. False: it can't be read. */
static __always_inline bool message__read(struct message* message, __u64 at, bool compat, bool many) {
  if (compat) {
    struct msghdr32 header = {};
    const __u32 size = many ? sizeof(header) : __builtin_offsetof(struct msghdr32, length);
    if (bpf_probe_read_user(&header, size, (const void*)at) != 0) return false;
    *message = (struct message){.name = header.name,
                                .iov = header.iov,
                                .count = header.count,
                                .control = header.control,
                                .control_size = header.control_size,
                                .name_size = header.name_size,
                                .first_length = header.length};
    return true;
  }
  struct msghdr64 header = {};
  const __u32 size = many ? __builtin_offsetof(struct msghdr64, length) + 4 : __builtin_offsetof(struct msghdr64, padding_too);
  if (bpf_probe_read_user(&header, size, (const void*)at) != 0) return false;
  *message = (struct message){.name = header.name,
                              .iov = header.iov,
                              .count = header.count,
                              .control = header.control,
                              .control_size = header.control_size,
                              .name_size = header.name_size,
                              .first_length = header.length};
  return true;
}

/* Walks iovecs: adds up what was asked for, and gathers the first bytes. */
struct gather {
  struct scratch* scratch;
  __u64 iov;
  __u64 asked;
  __u32 wanted; /* at most DATA_BYTES_MAX */
  __u32 taken;
  bool compat;
};

static long gather__step(__u32 index, struct gather* gather) {
  __u64 base, length;
  if (gather->compat) {
    __u32 iovec[2];
    if (bpf_probe_read_user(iovec, sizeof(iovec), (const void*)(gather->iov + index * sizeof(iovec))) != 0) goto unread;
    base = iovec[0];
    length = iovec[1];
  } else {
    __u64 iovec[2];
    if (bpf_probe_read_user(iovec, sizeof(iovec), (const void*)(gather->iov + index * sizeof(iovec))) != 0) goto unread;
    base = iovec[0];
    length = iovec[1];
  }
  gather->asked += length;
  __u32 taken = gather->taken;
  if (taken >= gather->wanted || length == 0) return 0;
  __u32 size = gather->wanted - taken;
  if (size > length) size = length;
  char* to = record__end(gather->scratch, 2 * DATA_BYTES_MAX);
  HIDE(size);
  HIDE(taken);
  if (!to || size > DATA_BYTES_MAX || taken > DATA_BYTES_MAX) return 1; /* for the verifier */
  if (bpf_probe_read_user(to + taken, size, (const void*)base) != 0) {
    record__flag(gather->scratch, EVENT_FLAG_USER_UNREAD);
    gather->wanted = 0; /* what came before it stays */
    return 0;
  }
  gather->taken = taken + size;
  return 0;
unread:
  record__flag(gather->scratch, EVENT_FLAG_USER_UNREAD);
  return 1;
}

/* Size and data of a message of which `transferred` bytes went through. */
SUBPROGRAM int event_socket__fill_data(struct scratch* scratch, struct event_socket* event, const struct message* message,
                                       __u64 transferred, bool compat) {
  if (!scratch || !event || !message) return 0;
  const bool data = capture_options & CAPTURE_DATA;
  if (message->count == 0) {
    event->size = message->size;
    if (data) user_data__append(scratch, &event->data, message->iov, transferred);
    return 0;
  }
  struct gather gather = {.scratch = scratch, .iov = message->iov, .compat = compat};
  if (data) gather.wanted = transferred < DATA_BYTES_MAX ? transferred : DATA_BYTES_MAX;
  bpf_loop(message->count < IOVECS_MAX ? message->count : IOVECS_MAX, gather__step, &gather, 0);
  event->size = gather.asked;
  if (gather.taken != 0) record__take(scratch, &event->data, gather.taken);
  return 0;
}

SUBPROGRAM int transfer__fill(struct scratch* scratch, struct event_socket* event, const struct call* call) {
  if (!scratch || !event || !call) return 0;
  struct message message = {};
  const bool receives = call->type == EVENT_TYPE_RECVFROM || call->type == EVENT_TYPE_RECVMSG;
  if (call->type == EVENT_TYPE_SENDTO || call->type == EVENT_TYPE_RECVFROM) {
    event->call_flags = call->args[3];
    message = (struct message){.iov = call->args[1], .size = call->args[2], .name = call->args[4], .name_size = call->args[5]};
    if (receives && message.name &&
        bpf_probe_read_user(&message.name_size, sizeof(message.name_size), (const void*)call->args[5]) != 0)
      record__flag(scratch, EVENT_FLAG_USER_UNREAD);
  } else {
    const bool many = call->type == EVENT_TYPE_SENDMMSG;
    event->call_flags = call->args[many ? 3 : 2];
    if (!message__read(&message, call->args[1], call->compat, many)) record__flag(scratch, EVENT_FLAG_USER_UNREAD);
  }
  /* A stream goes to its peer, whatever name is passed; a datagram goes to the name. */
  const bool peer_only =
      event->sock.connected && event->sock.socket_type != SOCKET_DGRAM && event->sock.socket_type != SOCKET_RAW;
  if (message.name && !peer_only && (!receives || call->ret >= 0)) {
    event->sock.unix_path.size = 0;
    event_sock__fill_user(scratch, &event->sock, message.name, message.name_size, false);
  }
  const bool sends_many = call->type == EVENT_TYPE_SENDMMSG; /* ret counts messages */
  const __u64 transferred = call->ret <= 0 ? 0 : sends_many ? message.first_length : (__u64)call->ret;
  event_socket__fill_data(scratch, event, &message, transferred, call->compat);
  if (call->type == EVENT_TYPE_RECVMSG && call->ret >= 0 && capture_options & CAPTURE_DATA)
    user_data__append(scratch, &event->control, message.control, message.control_size);
  return 0;
}

/* How many connections wait at the socket that listens. */
static __always_inline void event_socket__fill_queue(struct event_socket* event, struct file* file) {
  const struct socket* socket = file ? file__socket(file) : NULL;
  if (!socket) return; /* closed by another thread: no queue any more */
  const struct sock* sk = BPF_CORE_READ(socket, sk);
  const bool is_unix = BPF_CORE_READ(sk, __sk_common.skc_family) == FAMILY_UNIX;
  event->queue_length = is_unix ? BPF_CORE_READ(sk, sk_receive_queue.qlen) : BPF_CORE_READ(sk, sk_ack_backlog);
  event->queue_max = BPF_CORE_READ(sk, sk_max_ack_backlog);
}

SUBPROGRAM int connect__fill(struct scratch* scratch, struct event_sock* sock, const struct call* call) {
  if (!scratch || !sock || !call) return 0;
  if (sock->family != 0) sock->role = SOCKET_ROLE_CLIENT;
  /* A socket that is not connected now has no remote end, or that of an earlier connect, or a name of its own. */
  const bool connected = call->ret == 0 || call->ret == -EINPROGRESS_;
  const bool known = sock->remote_family != 0 && (sock->family != FAMILY_UNIX || sock->connected);
  if (connected && known) return 0;
  sock->remote_family = 0;
  sock->unix_path.size = 0;
  return event_sock__fill_user(scratch, sock, call->args[1], call->args[2], false);
}

static __always_inline bool is_socket_call(__u16 type) {
  return type == EVENT_TYPE_CONNECT || (type >= EVENT_TYPE_SENDTO && type <= EVENT_TYPE_RECVMSG);
}
_Static_assert(EVENT_TYPE_RECVMSG - EVENT_TYPE_SENDTO == 8, "sends, bind, accept, listen, receives and nothing else");

SEC("tp_btf/sys_exit")
int tp_sys_exit_socket(__u64* ctx) {
  struct call call = call__finished(ctx);
  if (!is_socket_call(call.type)) return 0;
  struct scratch* scratch = CALL_BEGIN(&call, EVENT_KIND_SOCKET, event_socket);
  if (!scratch) return 0; /* counted by record__begin */
  struct event_socket* event = (struct event_socket*)scratch->record;
  const bool accepts = call.type == EVENT_TYPE_ACCEPT || call.type == EVENT_TYPE_ACCEPT4;
  event->ret = call.ret;
  event->fd = accepts ? call.ret : (__s64)call.args[0];
  if (call.unread) { /* a socketcall without its arguments: 0 would be a descriptor */
    if (!accepts) event->fd = -1;
    return call__submit(scratch);
  }
  struct file* file = event->fd >= 0 ? fd__file(call.task, event->fd) : NULL;
  if (file)
    event_sock__fill(scratch, &event->sock, file);
  else if (call.ret >= 0)
    record__flag(scratch, EVENT_FLAG_FD_GONE);
  switch (call.type) {
    case EVENT_TYPE_CONNECT:
      connect__fill(scratch, &event->sock, &call);
      break;
    case EVENT_TYPE_BIND:
      if (call.ret < 0) event_sock__fill_user(scratch, &event->sock, call.args[1], call.args[2], true);
      break;
    case EVENT_TYPE_LISTEN:
      event->size = call.args[1];
      break;
    case EVENT_TYPE_ACCEPT4:
      event->call_flags = call.args[3];
      /* fall through */
    case EVENT_TYPE_ACCEPT:
      event_socket__fill_queue(event, fd__file(call.task, call.args[0]));
      if (event->sock.family != 0) event->sock.role = SOCKET_ROLE_SERVER;
      break;
    default:
      transfer__fill(scratch, event, &call);
  }
  return call__submit(scratch);
}
