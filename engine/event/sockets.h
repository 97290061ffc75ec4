// SPDX-License-Identifier: Apache-2.0
// Sockets as text, in Falco's spelling.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/event.h"

namespace shrike::event {

// 4 or 6: of what it talks, be it IPv4 through an IPv6 socket; 0: it is no IP socket.
std::uint8_t ip_version(const Socket& socket);
inline bool is_ip(const Socket& socket) { return ip_version(socket) != 0; }

// "10.0.0.5:41000->1.2.3.4:443": who called first, or who sent where that is not known; of a socket with no other end its own,
// "10.0.0.5:80"; the path of a unix peer, '@' for the NUL of an abstract one; empty if unknown.
std::string_view socket_name(Arena& arena, const Socket& socket);

// "1.2.3.4:443", or the unix path; of a server its own end.
std::string_view remote_name(Arena& arena, const Socket& socket);

// "tcp", "udp", "icmp", "raw", or "<NA>".
std::string_view l4_protocol(const Socket& socket);

}  // namespace shrike::event
