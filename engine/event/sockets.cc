// SPDX-License-Identifier: Apache-2.0
#include "engine/event/sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/event/text.h"

namespace shrike::event {
namespace {

void add_end(ArenaText& text, const IpAddress& address, std::uint16_t port) {
  text.address(address).add(":").decimal(std::uint64_t{port});
}

}  // namespace

std::uint8_t ip_version(const Socket& socket) {
  if (socket.remote.family != 0) return socket.remote.family;
  if (socket.listening && socket.local.family != 0) return socket.local.family;
  return socket.family == AF_INET ? 4 : socket.family == AF_INET6 ? 6 : 0;
}

std::string_view remote_name(Arena& arena, const Socket& socket) {
  const bool own = socket.remote.family == 0;  // there is no other end
  const IpAddress& address = own ? socket.local : socket.remote;
  ArenaText text(arena);
  if (address.family != 0) {
    add_end(text, address, own ? socket.local_port : socket.remote_port);
  } else if (socket.unix_path.starts_with('\0')) {
    text.add("@").add(socket.unix_path.substr(1));
  } else {
    return socket.unix_path;
  }
  return text.view();
}

std::string_view socket_name(Arena& arena, const Socket& socket) {
  if (socket.remote.family == 0 || socket.listening) return remote_name(arena, socket);
  IpAddress local = socket.local;
  if (local.family == 0) local.family = socket.remote.family;  // not bound: all zeros
  const bool inward = socket.role == SocketRole::kServer || (socket.role == SocketRole::kUnknown && socket.received);
  ArenaText text(arena);
  add_end(text, inward ? socket.remote : local, inward ? socket.remote_port : socket.local_port);
  text.add("->");
  add_end(text, inward ? local : socket.remote, inward ? socket.local_port : socket.remote_port);
  return text.view();
}

std::string_view l4_protocol(const Socket& socket) {
  if (socket.socket_type == SOCK_RAW) return socket.family == AF_NETLINK || socket.family == AF_PACKET ? "<NA>" : "raw";
  switch (socket.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_MPTCP:
      return is_ip(socket) ? "tcp" : "<NA>";
    case IPPROTO_UDP:
      return is_ip(socket) ? "udp" : "<NA>";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return is_ip(socket) ? "icmp" : "<NA>";
    default:
      return "<NA>";
  }
}

}  // namespace shrike::event
