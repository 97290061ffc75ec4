// SPDX-License-Identifier: Apache-2.0
#include "engine/event/sockets.h"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>

namespace shrike::event {
namespace {

std::string end_text(const IpAddress& address, std::uint16_t port) { return to_text(address) + ':' + std::to_string(port); }

// "1.2.3.4:80" in `room`.
std::string_view print_end(const IpAddress& address, std::uint16_t port, std::span<char> room) {
  inet_ntop(address.family == 6 ? AF_INET6 : AF_INET, address.bytes.data(), room.data(), static_cast<socklen_t>(room.size()));
  char* at = room.data() + std::strlen(room.data());
  *at++ = ':';
  at = std::to_chars(at, room.data() + room.size(), port).ptr;
  return {room.data(), at};
}

std::string unix_text(std::string_view path) {
  std::string text(path);
  if (!text.empty() && text.front() == '\0') text.front() = '@';
  return text;
}

}  // namespace

bool is_ip(const Connect& connect) { return (connect.server ? connect.local : connect.remote).family != 0; }

std::string remote_name(const Connect& connect) {
  if (!is_ip(connect)) return unix_text(connect.unix_path);
  return connect.server ? end_text(connect.local, connect.local_port) : end_text(connect.remote, connect.remote_port);
}

std::string socket_name(const Connect& connect) {
  Arena arena;
  return std::string(socket_name(connect, arena));
}

std::string_view socket_name(const Connect& connect, Arena& arena) {
  if (!is_ip(connect)) {
    if (!connect.unix_path.starts_with('\0')) return connect.unix_path;
    return arena.concat("@", connect.unix_path.substr(1));
  }
  std::array<char, INET6_ADDRSTRLEN + 6> server;
  if (connect.server) return arena.concat(print_end(connect.local, connect.local_port, server));
  IpAddress local = connect.local;
  if (local.family == 0) local.family = connect.remote.family;  // not bound: all zeros
  std::array<char, INET6_ADDRSTRLEN + 6> client;
  return arena.concat(print_end(local, connect.local_port, client), "->", print_end(connect.remote, connect.remote_port, server));
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

std::string fd_label(const Connect& connect) {
  std::string label = "<";
  label += type_char(connect);
  const std::string_view protocol = l4_protocol(connect);
  if (protocol == "tcp") label += 't';
  if (protocol == "udp") label += 'u';
  return label + ">" + socket_name(connect);
}

}  // namespace shrike::event
