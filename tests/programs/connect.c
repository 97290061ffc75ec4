// SPDX-License-Identifier: Apache-2.0
// connect 4|6|mapped|udp PORT: to the loopback address; mapped: IPv4 from an IPv6 socket. connect unix PATH; a leading @ stands
// for the abstract name's NUL. Listens there itself first, unless a third argument is given. Exit code: 0, or errno of connect.
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un un;
};

static socklen_t make_address(const char* kind, const char* where, union address* address) {
  memset(address, 0, sizeof(*address));
  if (strcmp(kind, "unix") == 0) {
    address->un.sun_family = AF_UNIX;
    strncpy(address->un.sun_path, where, sizeof(address->un.sun_path) - 1);
    if (where[0] != '@') return sizeof(address->un);
    address->un.sun_path[0] = '\0';
    return (socklen_t)(sizeof(sa_family_t) + strlen(where));
  }
  if (strcmp(kind, "6") == 0 || strcmp(kind, "mapped") == 0) {
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons((unsigned short)atoi(where));
    address->v6.sin6_addr = in6addr_loopback;
    if (kind[0] == 'm') inet_pton(AF_INET6, "::ffff:127.0.0.1", &address->v6.sin6_addr);
    return sizeof(address->v6);
  }
  address->v4.sin_family = AF_INET;
  address->v4.sin_port = htons((unsigned short)atoi(where));
  address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sizeof(address->v4);
}

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  union address address;
  const socklen_t size = make_address(argv[1], argv[2], &address);
  const int type = strcmp(argv[1], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
  if (argc == 3 && type == SOCK_STREAM) {
    const int server = socket(address.any.sa_family, type, 0);
    const int on = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(server, &address.any, size) != 0 || listen(server, 1) != 0) return 254;
  }
  return connect(socket(address.any.sa_family, type, 0), &address.any, size) == 0 ? 0 : errno;
}
