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
  kOpenByHandleAt,
  kSendto,
  kSendmsg,
  kSendmmsg,
  kBind,
  kAccept,
  kAccept4,
  kListen,
  kRecvfrom,
  kRecvmsg,
  kSocket,
  kRename,
  kRenameat,
  kRenameat2,
  kRmdir,
  kUnlink,
  kUnlinkat,
  kMkdir,
  kMkdirat,
  kChmod,
  kFchmodat,
  kFchmod,
  kDup,
  kDup2,
  kDup3,
  kClose,
  kSetns,
  kUnshare,
  kSetuid,
  kBpf,
  kUserfaultfd,
  kInitModule,
  kFinitModule,
};

inline constexpr std::size_t kEventTypeMax = 512;
using EventSet = std::bitset<kEventTypeMax>;

// Falco's kinds of parameters: what evt.arg makes of one (rule-language.md 4.3), and the type evt.rawarg has.
enum class ParamKind : std::uint8_t {
  kFd,
  kErrno,
  kPid,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFlags8,
  kFlags16,
  kFlags32,
  kEnum8,
  kEnum16,
  kEnum32,
  kMode,
  kBool,
  kSignal,
  kUid,
  kGid,
  kText,
  kBytes,
  kPath,
  kRelativePath,
  kTuple,
  kAddress,
  kAbsTime,
  kRelTime,
  kSignalSet,
  kFdList,
  kDynamic,
};
inline constexpr std::size_t kParamKinds = static_cast<std::size_t>(ParamKind::kDynamic) + 1;
std::string_view spelling(ParamKind kind);  // as the reference spells them: "enumflags16"

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

// The kind of the parameter `name` in the first event type that has one; nothing: there is none. "First" is by Falco's table,
// where clone comes before execve, read before ptrace: uid is a plain number, data is bytes.
std::optional<ParamKind> find_param(std::string_view name);

// Every type of the table.
const EventSet& all_event_types();

}  // namespace shrike::event
