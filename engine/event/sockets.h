// SPDX-License-Identifier: Apache-2.0
// Sockets as text, in Falco's spelling.
#pragma once

#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/event.h"

namespace shrike::event {

bool is_ip(const Connect& connect);

// "10.0.0.5:41000->1.2.3.4:443"; of a server "10.0.0.5:80"; the path of a unix peer, '@' for the NUL of an abstract one; empty if
// unknown.
std::string_view socket_name(Arena& arena, const Connect& connect);

// "1.2.3.4:443", or the unix path; of a server its own end.
std::string_view remote_name(Arena& arena, const Connect& connect);

// "tcp", "udp", "icmp", "raw", or "<NA>".
std::string_view l4_protocol(const Connect& connect);

// fd.typechar: '4', '6', 'u', or 'o'.
char type_char(const Connect& connect);

// fd.type: "ipv4", "ipv6", "unix", or "<NA>".
std::string_view type_name(const Connect& connect);

// "<4t>10.0.0.5:41000->1.2.3.4:443".
std::string_view fd_label(Arena& arena, const Connect& connect);

}  // namespace shrike::event
