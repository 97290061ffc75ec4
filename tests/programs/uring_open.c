// SPDX-License-Identifier: Apache-2.0
// uring_open PATH FLAGS [async|sqpoll|direct|skip]: opens PATH by IORING_OP_OPENAT. Exit code: 0, errno, or 200 without io_uring.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/programs/uring.h"

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  struct io_uring_sqe open;
  memset(&open, 0, sizeof(open));
  open.opcode = IORING_OP_OPENAT;
  open.fd = AT_FDCWD;
  open.addr = (uintptr_t)argv[1];
  open.open_flags = (unsigned)strtol(argv[2], NULL, 0);
  open.len = 0640;
  return uring_exit_code(uring_run(&open, argc > 3 ? argv[3] : ""));
}
