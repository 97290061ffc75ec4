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

bool is_ip(const Socket& socket) { return (socket.listening ? socket.local : socket.remote).family != 0; }

std::string_view remote_name(Arena& arena, const Socket& socket) {
  ArenaText text(arena);
  if (is_ip(socket)) {
    add_end(text, socket.listening ? socket.local : socket.remote, socket.listening ? socket.local_port : socket.remote_port);
  } else if (socket.unix_path.starts_with('\0')) {
    text.add("@").add(socket.unix_path.substr(1));
  } else {
    return socket.unix_path;
  }
  return text.view();
}

std::string_view socket_name(Arena& arena, const Socket& socket) {
  if (!is_ip(socket) || socket.listening) return remote_name(arena, socket);
  IpAddress local = socket.local;
  if (local.family == 0) local.family = socket.remote.family;  // not bound: all zeros
  ArenaText text(arena);
  add_end(text, local, socket.local_port);
  text.add("->");
  add_end(text, socket.remote, socket.remote_port);
  return text.view();
}

std::string_view l4_protocol(const Socket& socket) {
  if (socket.socket_type == SOCK_RAW) return "raw";
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

char type_char(const Socket& socket) {
  if (is_ip(socket)) return (socket.listening ? socket.local : socket.remote).family == 4 ? '4' : '6';
  return socket.family == AF_UNIX ? 'u' : 'o';
}

std::string_view type_name(const Socket& socket) {
  switch (type_char(socket)) {
    case '4':
      return "ipv4";
    case '6':
      return "ipv6";
    case 'u':
      return "unix";
    default:
      return "<NA>";
  }
}

std::string_view fd_label(Arena& arena, const Socket& socket) {
  const char type = type_char(socket);
  const std::string_view protocol = l4_protocol(socket);
  const std::string_view letter = protocol == "tcp" ? "t" : protocol == "udp" ? "u" : "";
  return arena.concat("<", std::string_view(&type, 1), letter, ">", socket_name(arena, socket));
}

}  // namespace shrike::event
