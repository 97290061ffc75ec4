// SPDX-License-Identifier: Apache-2.0
// Sockets as text, in Falco's spelling.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/event.h"

namespace shrike::event {

bool is_ip(const Connect& connect);

// "10.0.0.5:41000->1.2.3.4:443"; of a server "10.0.0.5:80"; the path of a unix peer, '@' for the NUL of an abstract one; empty if
// unknown.
std::string socket_name(const Connect& connect);
// The same, without the heap.
std::string_view socket_name(const Connect& connect, Arena& arena);

// "1.2.3.4:443", or the unix path; of a server its own end.
std::string remote_name(const Connect& connect);

// "tcp", "udp", "icmp", "raw", or "<NA>".
std::string_view l4_protocol(const Connect& connect);

// fd.typechar: '4', '6', 'u', or 'o'.
char type_char(const Connect& connect);

// "<4t>10.0.0.5:41000->1.2.3.4:443".
std::string fd_label(const Connect& connect);

}  // namespace shrike::event
