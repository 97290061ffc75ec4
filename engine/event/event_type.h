// SPDX-License-Identifier: Apache-2.0
// The names evt.type knows: every Linux system call (x86-64 and ia32) and Falco's events that are no calls. One table.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace shrike::event {

// Index into the table. The first ones are those of bpf/abi/event.h, by the same numbers.
enum class EventType : std::uint16_t {
  kNone = 0,
  kExecve,
  kExecveat,
  kOpen,
  kOpenat,
  kOpenat2,
  kCreat,
  kConnect,
  kSymlink,
  kSymlinkat,
  kLink,
  kLinkat,
  kPtrace,
  kOpenByHandleAt,  // from here on: only where a hook decides
  kSendto,
  kSendmsg,
  kSendmmsg,
  kBind,
};

inline constexpr std::size_t kEventTypeMax = 512;
using EventSet = std::bitset<kEventTypeMax>;

// How a parameter is written as text (rule-language.md 4.3).
enum class ParamKind : std::uint8_t {
  kFd,
  kErrno,
  kPath,
  kRelativePath,
  kFlags,
  kEnum,
  kMode,
  kPid,
  kUid,
  kGid,
  kText,
  kBytes,
  kTuple,
  kAddress,
  kInt,
  kUint,
  kTime,
  kDynamic,
};

struct Param {
  std::string_view name;
  ParamKind kind;
};

struct EventTypeInfo {
  std::string_view name;
  std::span<const Param> params;  // in order; empty for calls without a parser of their own
  bool is_syscall = true;
};

// All of them; kEventTypes()[0] is the nameless one (not a system call).
std::span<const EventTypeInfo> event_types();

std::string_view name(EventType type);
std::optional<EventType> find_event_type(std::string_view name);
inline std::size_t index(EventType type) { return static_cast<std::size_t>(type); }

// True if at least one event type has a parameter of that name.
bool is_known_param(std::string_view name);

// Every type of the table.
const EventSet& all_event_types();

}  // namespace shrike::event
