// SPDX-License-Identifier: Apache-2.0
// sockets 64|32|socketcall tcp|udp|unix 4|6|mapped|PATH PORT [OWN]: a conversation with itself, every call about sockets once or
// more, through the 64-bit entry, the 32-bit one, or ia32's socketcall. A PATH that begins with @ is an abstract name. The client
// binds to the port OWN, if there is one, before it connects. Prints "server client accepted". Exit code: 0, or the line that
// went wrong.
//
//   tcp, unix: socket, bind, listen, socket, connect, accept; then client to server: sendto (9 bytes), recvfrom; sendmsg (three
//              parts: 2, 0 and 98 bytes; unix: with a descriptor), recvmsg (two parts); sendmmsg (two messages: 3 and 4 bytes),
//              recvfrom on the accepted socket
//   udp:       socket, bind, socket, sendto with an address, recvfrom with room for one, connect, sendmsg with none, recvmsg with
//   room
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/programs/address.h"
#include "tests/programs/ia32.h"

// Numbers by the first argument of socketcall; accept has none of its own in the 32-bit table.
enum {
  SOCKET = 1,
  BIND = 2,
  CONNECT = 3,
  LISTEN = 4,
  ACCEPT = 5,
  SENDTO = 11,
  RECVFROM = 12,
  SENDMSG = 16,
  RECVMSG = 17,
  ACCEPT4 = 18,
  SENDMMSG = 20
};
static const int k64[] = {[SOCKET] = SYS_socket,   [BIND] = SYS_bind,       [CONNECT] = SYS_connect,  [LISTEN] = SYS_listen,
                          [ACCEPT] = SYS_accept,   [ACCEPT4] = SYS_accept4, [SENDTO] = SYS_sendto,    [RECVFROM] = SYS_recvfrom,
                          [SENDMSG] = SYS_sendmsg, [RECVMSG] = SYS_recvmsg, [SENDMMSG] = SYS_sendmmsg};
static const int k32[] = {[SOCKET] = 359, [BIND] = 361,    [CONNECT] = 362,  [LISTEN] = 363,  [ACCEPT4] = 364,
                          [SENDTO] = 369, [SENDMSG] = 370, [RECVFROM] = 371, [RECVMSG] = 372, [SENDMMSG] = 345};

struct message32 {
  uint32_t name, name_size, iov, count, control, control_size, flags, length;
};

union socket_address {
  union address ip;
  struct sockaddr_un un;
};

// All that calls point to.
struct memory {
  union socket_address address, name;
  uint32_t name_size;
  char out[128], in[256], control[64];
  struct iovec iov[3];
  uint32_t iov32[3][2];
  struct mmsghdr messages[2];
  struct message32 messages32[2];
  uint32_t words[6];
};
static struct memory* m;
static const char* abi;

#define CHECK(condition) \
  if (!(condition)) return __LINE__ % 250 + 1

static long call(int which, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f) {
  if (strcmp(abi, "64") == 0) return syscall(k64[which], a, b, c, d, e, f);
  if (strcmp(abi, "32") == 0)
    return ia32_call(k32[which], (uintptr_t[5]){a, b, c, d, e});  // f: 0 in all our calls but sizes, see main
  const uintptr_t all[6] = {a, b, c, d, e, f};
  for (int i = 0; i < 6; ++i) m->words[i] = (uint32_t)all[i];
  return ia32_call(102, (uintptr_t[5]){(uintptr_t)which, (uintptr_t)m->words, 0, 0, 0});
}

// A message of `count` parts, in the ABI's own form; returns its address.
static uintptr_t message(int at, void* name, size_t name_size, const struct iovec* parts, size_t count, size_t control_size) {
  for (size_t i = 0; i < count; ++i) {
    m->iov[i] = parts[i];
    m->iov32[i][0] = (uint32_t)(uintptr_t)parts[i].iov_base;
    m->iov32[i][1] = (uint32_t)parts[i].iov_len;
  }
  m->messages[at].msg_hdr = (struct msghdr){.msg_name = name,
                                            .msg_namelen = (socklen_t)name_size,
                                            .msg_iov = m->iov,
                                            .msg_iovlen = count,
                                            .msg_control = control_size ? m->control : NULL,
                                            .msg_controllen = control_size};
  m->messages32[at] = (struct message32){.name = (uint32_t)(uintptr_t)name,
                                         .name_size = (uint32_t)name_size,
                                         .iov = (uint32_t)(uintptr_t)m->iov32,
                                         .count = (uint32_t)count};
  return strcmp(abi, "64") == 0 ? (uintptr_t)&m->messages[at] : (uintptr_t)&m->messages32[at];
}

static socklen_t make_address(const char* protocol, const char* where, const char* port) {
  if (strcmp(protocol, "unix") != 0) return make_loopback(where, port, &m->address.ip);
  m->address.un.sun_family = AF_UNIX;
  strncpy(m->address.un.sun_path, where, sizeof(m->address.un.sun_path) - 1);
  if (where[0] != '@') return sizeof(m->address.un);
  m->address.un.sun_path[0] = '\0';
  return (socklen_t)(sizeof(sa_family_t) + strlen(where));
}

static int talk_udp(int server, int client, socklen_t size) {
  CHECK(call(SENDTO, (uintptr_t)client, (uintptr_t)m->out, 5, 0, (uintptr_t)&m->address, size) == 5);
  m->name_size = sizeof(m->name);
  CHECK(call(RECVFROM, (uintptr_t)server, (uintptr_t)m->in, 200, 0, (uintptr_t)&m->name, (uintptr_t)&m->name_size) == 5);
  CHECK(call(CONNECT, (uintptr_t)client, (uintptr_t)&m->address, size, 0, 0, 0) == 0);
  const struct iovec out = {m->out, 7}, in = {m->in, 200};
  CHECK(call(SENDMSG, (uintptr_t)client, message(0, NULL, 0, &out, 1, 0), 0, 0, 0, 0) == 7);
  CHECK(call(RECVMSG, (uintptr_t)server, message(0, &m->name, sizeof(m->name), &in, 1, 0), 0, 0, 0, 0) == 7);
  return 0;
}

static int talk_stream(int accepted, int client, int pass) {
  CHECK(call(SENDTO, (uintptr_t)client, (uintptr_t)m->out, 9, 0, 0, 0) == 9);
  CHECK(call(RECVFROM, (uintptr_t)accepted, (uintptr_t)m->in, 200, 0, 0, 0) == 9);
  const struct iovec out[3] = {{m->out, 2}, {m->out, 0}, {m->out + 2, 98}}, in[2] = {{m->in, 50}, {m->in + 50, 150}};
  uintptr_t header = message(0, NULL, 0, out, 3, pass ? CMSG_SPACE(sizeof(int)) : 0);
  if (pass) {
    struct cmsghdr* control = (struct cmsghdr*)m->control;
    *control = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(control), &client, sizeof(client));
  }
  CHECK(call(SENDMSG, (uintptr_t)client, header, MSG_NOSIGNAL, 0, 0, 0) == 100);
  header = message(0, NULL, 0, in, 2, pass ? sizeof(m->control) : 0);
  CHECK(call(RECVMSG, (uintptr_t)accepted, header, 0, 0, 0, 0) == 100);
  const struct iovec three = {m->out, 3};
  message(0, NULL, 0, &three, 1, 0);
  m->iov[1] = (struct iovec){m->out, 4};
  m->iov32[1][0] = (uint32_t)(uintptr_t)m->out;
  m->iov32[1][1] = 4;
  m->messages[1].msg_hdr = (struct msghdr){.msg_iov = &m->iov[1], .msg_iovlen = 1};
  m->messages32[1] = (struct message32){.iov = (uint32_t)(uintptr_t)m->iov32[1], .count = 1};
  header = strcmp(abi, "64") == 0 ? (uintptr_t)m->messages : (uintptr_t)m->messages32;
  CHECK(call(SENDMMSG, (uintptr_t)client, header, 2, 0, 0, 0) == 2);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 5 || argc > 6) return 255;
  abi = argv[1];
  m = low_memory(sizeof(*m));
  CHECK(m);
  for (size_t i = 0; i < sizeof(m->out); ++i) m->out[i] = (char)('a' + i % 26);
  const int udp = strcmp(argv[2], "udp") == 0, local = strcmp(argv[2], "unix") == 0;
  const socklen_t size = make_address(argv[2], argv[3], argv[4]);
  const int family = local ? AF_UNIX : address_family(argv[3]), type = udp ? SOCK_DGRAM : SOCK_STREAM, on = 1;
  const int server = (int)call(SOCKET, (uintptr_t)family, (uintptr_t)type, 0, 0, 0, 0);
  CHECK(server >= 0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  CHECK(call(BIND, (uintptr_t)server, (uintptr_t)&m->address, size, 0, 0, 0) == 0);
  if (!udp) CHECK(call(LISTEN, (uintptr_t)server, 17, 0, 0, 0, 0) == 0);
  const int client = (int)call(SOCKET, (uintptr_t)family, (uintptr_t)type, 0, 0, 0, 0);
  if (argc > 5) {
    setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const socklen_t own = make_address(argv[2], argv[3], argv[5]);
    CHECK(call(BIND, (uintptr_t)client, (uintptr_t)&m->address, own, 0, 0, 0) == 0);
    make_address(argv[2], argv[3], argv[4]);
  }
  int accepted = -1;
  if (!udp) {
    CHECK(call(CONNECT, (uintptr_t)client, (uintptr_t)&m->address, size, 0, 0, 0) == 0);
    accepted = (int)call(strcmp(abi, "32") == 0 ? ACCEPT4 : ACCEPT, (uintptr_t)server, 0, 0, SOCK_CLOEXEC, 0, 0);
    CHECK(accepted >= 0);
  }
  printf("%d %d %d\n", server, client, accepted);
  fflush(stdout);
  return udp ? talk_udp(server, client, size) : talk_stream(accepted, client, local && strcmp(abi, "64") == 0);
}
