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

bool is_ip(const Connect& connect) { return (connect.server ? connect.local : connect.remote).family != 0; }

std::string_view remote_name(Arena& arena, const Connect& connect) {
  ArenaText text(arena);
  if (is_ip(connect)) {
    add_end(text, connect.server ? connect.local : connect.remote, connect.server ? connect.local_port : connect.remote_port);
  } else if (connect.unix_path.starts_with('\0')) {
    text.add("@").add(connect.unix_path.substr(1));
  } else {
    return connect.unix_path;
  }
  return text.view();
}

std::string_view socket_name(Arena& arena, const Connect& connect) {
  if (!is_ip(connect) || connect.server) return remote_name(arena, connect);
  IpAddress local = connect.local;
  if (local.family == 0) local.family = connect.remote.family;  // not bound: all zeros
  ArenaText text(arena);
  add_end(text, local, connect.local_port);
  text.add("->");
  add_end(text, connect.remote, connect.remote_port);
  return text.view();
}

std::string_view l4_protocol(const Connect& connect) {
  if (connect.socket_type == SOCK_RAW) return "raw";
  switch (connect.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_MPTCP:
      return is_ip(connect) ? "tcp" : "<NA>";
    case IPPROTO_UDP:
      return is_ip(connect) ? "udp" : "<NA>";
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return is_ip(connect) ? "icmp" : "<NA>";
    default:
      return "<NA>";
  }
}

char type_char(const Connect& connect) {
  if (is_ip(connect)) return (connect.server ? connect.local : connect.remote).family == 4 ? '4' : '6';
  return connect.family == AF_UNIX ? 'u' : 'o';
}

std::string_view type_name(const Connect& connect) {
  switch (type_char(connect)) {
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

std::string_view fd_label(Arena& arena, const Connect& connect) {
  const char type = type_char(connect);
  const std::string_view protocol = l4_protocol(connect);
  const std::string_view letter = protocol == "tcp" ? "t" : protocol == "udp" ? "u" : "";
  return arena.concat("<", std::string_view(&type, 1), letter, ">", socket_name(arena, connect));
}

}  // namespace shrike::event
