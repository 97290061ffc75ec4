// SPDX-License-Identifier: Apache-2.0
// Sockets as text, in Falco's spelling.
#pragma once

#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/event.h"

namespace shrike::event {

bool is_ip(const Socket& socket);

// "10.0.0.5:41000->1.2.3.4:443"; of a server "10.0.0.5:80"; the path of a unix peer, '@' for the NUL of an abstract one; empty if
// unknown.
std::string_view socket_name(Arena& arena, const Socket& socket);

// "1.2.3.4:443", or the unix path; of a server its own end.
std::string_view remote_name(Arena& arena, const Socket& socket);

// "tcp", "udp", "icmp", "raw", or "<NA>".
std::string_view l4_protocol(const Socket& socket);

// fd.typechar: '4', '6', 'u', or 'o'.
char type_char(const Socket& socket);

// fd.type: "ipv4", "ipv6", "unix", or "<NA>".
std::string_view type_name(const Socket& socket);

// "<4t>10.0.0.5:41000->1.2.3.4:443".
std::string_view fd_label(Arena& arena, const Socket& socket);

}  // namespace shrike::event
