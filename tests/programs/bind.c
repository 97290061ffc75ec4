// SPDX-License-Identifier: Apache-2.0
// bind 4|6|mapped PORT [udp]: binds a socket to the loopback address. Exit code: 0, or errno of bind.
#include <errno.h>

#include "tests/programs/address.h"

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  const int fd = socket(address_family(argv[1]), argc > 3 ? SOCK_DGRAM : SOCK_STREAM, 0), on = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) return 254;
  union address address;
  const socklen_t size = make_loopback(argv[1], argv[2], &address);
  return bind(fd, &address.any, size) == 0 ? 0 : errno;
}
