// SPDX-License-Identifier: Apache-2.0
#include "engine/event/semantics.h"

#include <algorithm>

namespace shrike::event {
namespace {

using enum Knowledge;
using enum Moment;

constexpr Tier kT = Tier::kTracing;
constexpr std::string_view kFromArgument = "the name as passed (user memory), made absolute; no symlink is followed";
constexpr std::string_view kFromSockaddr = "the address as passed (user memory): the kernel's socket has let go of it";

constexpr Semantics kTable[] = {
    {"fd.name", kFailedOpen, kT, kAssumed, kFromArgument},
    {"fd.directory", kFailedOpen, kT, kAssumed, kFromArgument},
    {"fd.name", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.ip", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.sip", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.rip", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.net", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.snet", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.rnet", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.port", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.sport", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"fd.rport", kFailedConnect, kT, kAssumed, kFromSockaddr},
    {"evt.arg.name", kOpened, kT, kExact, "the kernel's path"},
    {"evt.arg.flags", kOpened, kT, kExact, "registers; of openat2 user memory"},
    {"evt.arg.flags", kFailedOpen, kT, kExact, "registers; of openat2 user memory"},
    {"evt.arg.flags", kExec, kT, kExact, "from the executable's inode"},
    {"evt.arg.request", kPtrace, kT, kExact, "a register"},
    {"evt.is_open_read", kFailedOpen, kT, kExact, "registers; of openat2 user memory"},
    {"evt.is_open_write", kFailedOpen, kT, kExact, "registers; of openat2 user memory"},
};

// What follows from the origin alone.
Knowledge by_origin(Origin origin) {
  switch (origin) {
    case Origin::kKernel:
    case Origin::kProcessTable:
    case Origin::kHostFiles:
    case Origin::kEngine:
      return kExact;
    case Origin::kUserMemory:
    case Origin::kHostConstant:
      return kAssumed;
    case Origin::kNotCaptured:
      return kUnknown;
  }
  return kUnknown;
}

bool names(std::string_view pattern, std::string_view field) {
  return pattern.ends_with('*') ? field.starts_with(pattern.substr(0, pattern.size() - 1)) : pattern == field;
}

bool happens_in(Moment moment, const EventSet& types) {
  const auto any = [&](std::initializer_list<EventType> of) {
    return std::ranges::any_of(of, [&](EventType type) { return types.test(index(type)); });
  };
  switch (moment) {
    case kExec:
    case kFailedExec:
      return any({EventType::kExecve, EventType::kExecveat});
    case kOpened:
    case kFailedOpen:
      return any({EventType::kOpen, EventType::kOpenat, EventType::kOpenat2, EventType::kCreat});
    case kConnected:
    case kFailedConnect:
      return any({EventType::kConnect});
    case kLink:
      return any({EventType::kSymlink, EventType::kSymlinkat, EventType::kLink, EventType::kLinkat});
    case kPtrace:
      return any({EventType::kPtrace});
  }
  return false;
}

}  // namespace

std::string_view spelling(Tier) { return "tracing"; }

std::string_view spelling(Knowledge knowledge) {
  static constexpr std::string_view kNames[] = {"exact", "assumed", "unknown"};
  return kNames[static_cast<std::size_t>(knowledge)];
}

std::string_view spelling(Moment moment) {
  static constexpr std::string_view kNames[] = {"exec",    "failed exec",    "open", "failed open",
                                                "connect", "failed connect", "link", "ptrace"};
  return kNames[static_cast<std::size_t>(moment)];
}

std::span<const Semantics> semantics() { return kTable; }

Knowledge knowledge(const FieldUse& use, Moment moment, Tier tier) {
  const std::string name = use.text();
  const auto row = std::ranges::find_if(
      kTable, [&](const Semantics& s) { return s.moment == moment && s.tier == tier && names(s.fields, name); });
  return row != std::end(kTable) ? row->knowledge : by_origin(use.field->origin);
}

bool is_known(const FieldUse& use, const EventSet& types, Tier tier) {
  return std::ranges::any_of(
      kMoments, [&](Moment moment) { return happens_in(moment, types) && knowledge(use, moment, tier) != kUnknown; });
}

}  // namespace shrike::event
