// SPDX-License-Identifier: Apache-2.0
// send 4|6|mapped|unspec udp|fastopen PORT [sendto|sendmsg|sendmmsg]: one byte to the loopback address, given with the call;
// fastopen: MSG_FASTOPEN on a TCP socket. Exit code: 0, or errno of the call.
#define _GNU_SOURCE
#include <errno.h>

#include "tests/programs/address.h"

int main(int argc, char** argv) {
  if (argc < 4) return 255;
  const int tcp = strcmp(argv[2], "fastopen") == 0, flags = tcp ? MSG_FASTOPEN : 0;
  const char* call = argc > 4 ? argv[4] : "sendto";
  const int fd = socket(address_family(argv[1]), tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (fd < 0) return 254;
  union address address;
  const socklen_t size = make_loopback(argv[1], argv[3], &address);
  struct iovec bytes = {.iov_base = "x", .iov_len = 1};
  struct mmsghdr message = {.msg_hdr = {.msg_name = &address, .msg_namelen = size, .msg_iov = &bytes, .msg_iovlen = 1}};
  long sent = -1;
  errno = EINVAL;
  if (strcmp(call, "sendto") == 0) sent = sendto(fd, "x", 1, flags, &address.any, size);
  if (strcmp(call, "sendmsg") == 0) sent = sendmsg(fd, &message.msg_hdr, flags);
  if (strcmp(call, "sendmmsg") == 0) sent = sendmmsg(fd, &message, 1, flags);
  return sent == 1 ? 0 : errno;
}
