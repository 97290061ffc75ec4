// SPDX-License-Identifier: Apache-2.0
// What fd.* is about: the descriptor an event makes, uses, or names beside a path.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/event.h"

namespace shrike::event {

enum class FdType : std::uint8_t {
  kUnknown,  // it leads nowhere, or what it led to is not told
  kFile,     // what was opened by a name, but for directories: also devices and named pipes
  kDirectory,
  kIpv4,
  kIpv6,
  kUnix,
  kNetlink,
  kPipe,
  kEvent,
  kEventpoll,
  kInotify,
  kSignal,
  kTimer,
  kBpf,
  kUserfault,
  kIoUring,
  kMemfd,
  kPidfd,
  kOther,
};

struct Descriptor {
  std::int64_t number = -1;  // -1: the call that was to make one failed
  FdType type = FdType::kUnknown;
  std::string_view path;               // of what is no socket, as the kernel names it
  const FileIdentity* file = nullptr;  // null: not told
  const Socket* socket = nullptr;      // null: it is none
};

// Nothing: the event is not about a descriptor (column fd of rule-language.md 3.5).
std::optional<Descriptor> descriptor_of(const Event& event);

// fd.type: "file", …; "<NA>" for others; empty if unknown.
std::string_view type_name(FdType type);

// fd.typechar of a descriptor of an event of that type, which matters where the descriptor is unknown.
std::string_view type_letter(FdType type, EventType event);

// Text of a parameter: "<f>/etc/passwd", "<4t>10.0.0.5:41000->1.2.3.4:443"; empty if unknown.
std::string_view fd_label(Arena& arena, const Descriptor& descriptor);

}  // namespace shrike::event
