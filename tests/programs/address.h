// SPDX-License-Identifier: Apache-2.0
// Loopback addresses, by the words deeds take: 4, 6, mapped (IPv4 from an IPv6 socket), unspec (AF_INET socket, family
// AF_UNSPEC).
#pragma once

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

// Of the socket that such an address is for; -1 for an unknown word.
static inline int address_family(const char* kind) {
  if (strcmp(kind, "4") == 0 || strcmp(kind, "unspec") == 0) return AF_INET;
  if (strcmp(kind, "6") == 0 || strcmp(kind, "mapped") == 0) return AF_INET6;
  return -1;
}

static inline socklen_t make_loopback(const char* kind, const char* port, union address* address) {
  memset(address, 0, sizeof(*address));
  const unsigned short number = htons((unsigned short)atoi(port));
  if (address_family(kind) == AF_INET6) {
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = number;
    if (strcmp(kind, "6") == 0)
      address->v6.sin6_addr = in6addr_loopback;
    else
      inet_pton(AF_INET6, "::ffff:127.0.0.1", &address->v6.sin6_addr);
    return sizeof(address->v6);
  }
  address->v4.sin_family = strcmp(kind, "unspec") == 0 ? AF_UNSPEC : AF_INET;
  address->v4.sin_port = number;
  address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sizeof(address->v4);
}
