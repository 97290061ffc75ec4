// SPDX-License-Identifier: Apache-2.0
// uring_connect 4|6|mapped PORT [async|sqpoll]: connects to the loopback address by IORING_OP_CONNECT.
// Exit code: 0, errno, or 200 without io_uring.
#include <stdint.h>

#include "tests/programs/address.h"
#include "tests/programs/uring.h"

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  union address address;
  struct io_uring_sqe connect;
  memset(&connect, 0, sizeof(connect));
  connect.opcode = IORING_OP_CONNECT;
  connect.fd = socket(address_family(argv[1]), SOCK_STREAM, 0);
  connect.off = make_loopback(argv[1], argv[2], &address);
  connect.addr = (uintptr_t)&address;
  return uring_exit_code(uring_run(&connect, argc > 3 ? argv[3] : ""));
}
