// SPDX-License-Identifier: Apache-2.0
#include "engine/event/semantics.h"

#include <algorithm>

#include "engine/event/params.h"

namespace shrike::event {
namespace {

using enum Knowledge;
using enum Moment;

constexpr Tier kT = Tier::kTracing;
constexpr Tier kF = Tier::kFull;
constexpr std::string_view kIfAllowed = "success: every security module allowed it";
constexpr std::string_view kFromArgument = "the name as passed (user memory), made absolute; no symlink is followed";
constexpr std::string_view kOfDirectory = "the directory whose fd stands beside the path; the fd's number alone after AT_FDCWD";
constexpr std::string_view kClosed = "the fd is gone when the call is over: its number is all there is";
constexpr std::string_view kNotKept = "nobody keeps by which name a file was opened";
constexpr std::string_view kNoInode = "not told of sockets";
constexpr std::string_view kDirectoryInode = "of the directory only its path is told";
constexpr std::string_view kEachTime =
    "true each time a datagram socket that is not connected sends or receives, to the same address or another";
constexpr std::string_view kRole = "absent where nobody connected: who sends first is not known to be the client";
constexpr std::string_view kByName = "of such a call only its name is told";
constexpr std::string_view kFromSockaddr = "the address as passed (user memory): the kernel's socket has let go of it";

constexpr Semantics kTable[] = {
    {"fd.name", kFailedOpen, kT, kAssumed, kFromArgument},
    {"fd.directory", kFailedOpen, kT, kAssumed, kFromArgument},
    {"fd.containername", kFailedOpen, kT, kAssumed, kFromArgument},
    {"fd.containerdirectory", kFailedOpen, kT, kAssumed, kFromArgument},
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
    {"evt.abspath", kOpened, kT, kExact, "the kernel's path"},
    {"evt.arg.flags", kOpened, kT, kExact, "registers; of openat2 user memory"},
    {"evt.arg.flags", kFailedOpen, kT, kExact, "registers; of openat2 user memory"},
    {"evt.arg.flags", kExec, kT, kExact, "from the executable's inode"},
    {"evt.arg.request", kPtrace, kT, kExact, "a register"},
    {"evt.arg.mode", kPaths, kT, kExact, "a register"},
    {"evt.arg.flags", kPaths, kT, kExact, "a register"},
    {"evt.arg.*", kDescriptor, kT, kExact, "registers and the kernel's name of the file; module parameters are user memory"},
    {"evt.arg.*", kAccept, kT, kExact, "the kernel's socket"},
    {"evt.arg.*", kListen, kT, kExact, "the kernel's socket, registers"},
    {"evt.arg.uid", kOther, kT, kExact, "a register, in the caller's user namespace"},
    {"evt.arg.flags", kOther, kT, kExact, "a register"},
    {"fd.name", kPaths, kT, kExact, kOfDirectory},
    {"fd.nameraw", kPaths, kT, kUnknown, kNotKept},
    {"fd.nameraw", kDescriptor, kT, kUnknown, kNotKept},
    {"fd.ino", kPaths, kT, kUnknown, kDirectoryInode},
    {"fd.dev*", kPaths, kT, kUnknown, kDirectoryInode},
    {"fd.name", kClose, kT, kUnknown, kClosed},
    {"fd.nameraw", kClose, kT, kUnknown, kClosed},
    {"fd.directory", kClose, kT, kUnknown, kClosed},
    {"fd.filename", kClose, kT, kUnknown, kClosed},
    {"fd.type", kClose, kT, kUnknown, kClosed},
    {"fd.typechar", kClose, kT, kUnknown, kClosed},
    {"fd.ino", kConnected, kT, kUnknown, kNoInode},
    {"fd.dev*", kConnected, kT, kUnknown, kNoInode},
    {"fd.ino", kAccept, kT, kUnknown, kNoInode},
    {"fd.dev*", kAccept, kT, kUnknown, kNoInode},
    {"fd.ino", kListen, kT, kUnknown, kNoInode},
    {"fd.dev*", kListen, kT, kUnknown, kNoInode},
    {"fd.ino", kSend, kT, kUnknown, kNoInode},
    {"fd.dev*", kSend, kT, kUnknown, kNoInode},
    {"fd.ino", kReceive, kT, kUnknown, kNoInode},
    {"fd.dev*", kReceive, kT, kUnknown, kNoInode},
    {"fd.cip", kSend, kT, kExact, kRole},
    {"fd.sip", kSend, kT, kExact, kRole},
    {"fd.cport", kSend, kT, kExact, kRole},
    {"fd.sport", kSend, kT, kExact, kRole},
    {"fd.cip", kReceive, kT, kExact, kRole},
    {"fd.sip", kReceive, kT, kExact, kRole},
    {"fd.cport", kReceive, kT, kExact, kRole},
    {"fd.sport", kReceive, kT, kExact, kRole},
    {"fd.name_changed", kSend, kT, kAssumed, kEachTime},
    {"fd.name_changed", kReceive, kT, kAssumed, kEachTime},
    {"fd.*", kGeneric, kT, kUnknown, kByName},
    {"fs.*", kGeneric, kT, kUnknown, kByName},
    {"evt.arg*", kGeneric, kT, kUnknown, kByName},
    {"evt.rawarg*", kGeneric, kT, kUnknown, kByName},
    {"evt.res", kGeneric, kT, kUnknown, kByName},
    {"evt.rawres", kGeneric, kT, kUnknown, kByName},
    {"evt.failed", kGeneric, kT, kUnknown, kByName},
    {"evt.buffer", kGeneric, kT, kUnknown, kByName},
    {"evt.is_open_read", kFailedOpen, kT, kExact, "registers; of openat2 user memory"},
    {"evt.is_open_write", kFailedOpen, kT, kExact, "registers; of openat2 user memory"},
    {"evt.res", kOpenHook, kF, kAssumed, kIfAllowed},
    {"evt.rawres", kOpenHook, kF, kAssumed, kIfAllowed},
    {"evt.failed", kOpenHook, kF, kAssumed, kIfAllowed},
    {"fd.num", kOpenHook, kF, kAssumed, kIfAllowed},
};

// Bits of Decision::hooks, as kHooks has them.
constexpr std::uint8_t kAtOpen = 1U << 1U;
constexpr std::uint8_t kAtSockets = 7U << 2U;
constexpr std::uint8_t kWithPeer = 3U << 2U;
constexpr std::uint8_t kAtBind = 1U << 4U;
constexpr std::uint8_t kEverywhere = 31;

constexpr std::string_view kPathOperators = "= != in startswith pmatch";
constexpr std::string_view kEqualities = "= != in";
constexpr std::string_view kOrders = "= != in < <= > >=";
constexpr std::string_view kPathForms = "absolute paths; startswith a directory, with its slash; pmatch without globs";
constexpr std::string_view kObjects =
    "absolute paths; startswith a directory, with its slash; pmatch without globs; every name of the file counts";
constexpr std::string_view kComm = "at most 15 bytes, as the kernel keeps them";

using enum Decided;
constexpr Decision kDecisions[] = {
    {"evt.type", kEverywhere, kAlready, true, {}, "an operation's calls all together"},
    {"syscall.type", kEverywhere, kAlready, true, {}, "as evt.type"},
    {"evt.source", kEverywhere, kAlready, true, {}, {}},
    {"evt.dir", kEverywhere, kAlready, true, {}, {}},
    {"evt.num", kEverywhere, kAlready, true, {}, "above 0"},
    {"evt.res", kEverywhere, kSuccess, true, {}, {}},
    {"evt.rawres", kEverywhere, kSuccess, true, {}, {}},
    {"evt.failed", kEverywhere, kSuccess, true, {}, {}},
    {"fd.num", kAtOpen | kAtSockets, kSuccess, true, {}, {}},
    {"proc.exepath", kEverywhere, kValue, true, kPathOperators, kPathForms},
    {"proc.name", kEverywhere, kValue, true, kEqualities, kComm},
    {"proc.pname", kEverywhere, kValue, false, kEqualities, kComm},
    {"proc.aname", kEverywhere, kValue, false, "= in", kComm},
    {"proc.aname[1]", kEverywhere, kValue, false, kEqualities, "as proc.pname"},
    {"user.uid", kEverywhere, kValue, true, kOrders, {}},
    {"cgroup.path", kEverywhere, kValue, false, kPathOperators, kPathForms},
    {"container.id", kEverywhere, kValue, true, "= !=", "compared with host only"},
    {"evt.is_open_read", kAtOpen, kValue, true, "= !=", {}},
    {"evt.is_open_write", kAtOpen, kValue, true, "= !=", {}},
    {"fd.typechar", kAtOpen, kValue, true, kEqualities, {}},
    {"fd.type", kAtOpen, kValue, true, kEqualities, {}},
    {"fd.name", kAtOpen, kValue, true, kPathOperators, kObjects},
    {"fd.filename", kAtOpen, kValue, false, kEqualities, "absent for directories"},
    {"fd.sip", kAtSockets, kValue, false, kEqualities, "of bind: the address that is bound"},
    {"fd.snet", kAtSockets, kValue, false, kEqualities, "of bind: the address that is bound"},
    {"fd.sport", kAtSockets, kValue, false, kOrders, "of bind: the port that is bound"},
    {"fd.rip", kWithPeer, kValue, false, kEqualities, {}},
    {"fd.rnet", kWithPeer, kValue, false, kEqualities, {}},
    {"fd.rport", kWithPeer, kValue, false, kOrders, {}},
    {"fd.lip", kAtBind, kValue, false, kEqualities, {}},
    {"fd.lnet", kAtBind, kValue, false, kEqualities, {}},
    {"fd.lport", kAtBind, kValue, false, kOrders, {}},
    {"fd.l4proto", kAtSockets, kValue, true, kEqualities, {}},
};

// What follows from the origin alone.
Knowledge by_origin(Origin origin) {
  switch (origin) {
    case Origin::kKernel:
    case Origin::kProcessTable:
    case Origin::kHostFiles:
    case Origin::kEngine:
    case Origin::kNothing:
      return kExact;
    case Origin::kUserMemory:
    case Origin::kContainerFiles:
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
      return any({EventType::kOpen, EventType::kOpenat, EventType::kOpenat2, EventType::kCreat, EventType::kOpenByHandleAt});
    case kConnected:
    case kFailedConnect:
      return any({EventType::kConnect});
    case kAccept:
      return any({EventType::kAccept, EventType::kAccept4});
    case kListen:
      return any({EventType::kListen, EventType::kBind});
    case kSend:
      return any({EventType::kSendto, EventType::kSendmsg, EventType::kSendmmsg});
    case kReceive:
      return any({EventType::kRecvfrom, EventType::kRecvmsg});
    case kPaths:
      return any({EventType::kSymlink, EventType::kSymlinkat, EventType::kLink, EventType::kLinkat, EventType::kRename,
                  EventType::kRenameat, EventType::kRenameat2, EventType::kRmdir, EventType::kUnlink, EventType::kUnlinkat,
                  EventType::kMkdir, EventType::kMkdirat, EventType::kChmod, EventType::kFchmodat});
    case kDescriptor:
      return any({EventType::kSocket, EventType::kDup, EventType::kDup2, EventType::kDup3, EventType::kFchmod, EventType::kSetns,
                  EventType::kBpf, EventType::kUserfaultfd, EventType::kFinitModule});
    case kClose:
      return any({EventType::kClose});
    case kPtrace:
      return any({EventType::kPtrace});
    case kOther:
      return any({EventType::kInitModule, EventType::kSetuid, EventType::kUnshare});
    case kGeneric:
      return (types >> (index(EventType::kFinitModule) + 1)).any();
    case kExecHook:
    case kOpenHook:
    case kConnectHook:
    case kSendHook:
    case kBindHook:
      break;
  }
  return false;
}

// The parameter an evt.arg or evt.rawarg names, in events of that type; null: they have none such.
const Param* find_param(const FieldUse& use, EventType type) {
  const std::span<const Param> params = event_types()[index(type)].params;
  if (use.argument.index) return *use.argument.index < params.size() ? &params[*use.argument.index] : nullptr;
  const auto found = std::ranges::find(params, std::string_view(use.argument.text), &Param::name);
  return found == params.end() ? nullptr : &*found;
}

// Events of the types have the parameter, and none of them tells it.
bool is_untold(const FieldUse& use, const EventSet& types) {
  bool any = false;
  for (std::size_t i = 1; i < event_types().size(); ++i) {
    const auto type = static_cast<EventType>(i);
    const Param* param = types.test(i) ? find_param(use, type) : nullptr;
    if (param != nullptr && is_captured(type, *param)) return false;
    any = any || param != nullptr;
  }
  return any;
}

}  // namespace

std::string_view spelling(Tier tier) { return tier == Tier::kFull ? "full" : "tracing"; }

std::string_view spelling(Knowledge knowledge) {
  static constexpr std::string_view kNames[] = {"exact", "assumed", "unknown"};
  return kNames[static_cast<std::size_t>(knowledge)];
}

std::string_view spelling(Moment moment) {
  static constexpr std::string_view kNames[] = {
      "exec",   "failed exec",  "open",      "failed open", "connect",      "failed connect", "accept",
      "listen", "send",         "receive",   "path call",   "fd call",      "close",          "ptrace",
      "other",  "generic call", "exec hook", "open hook",   "connect hook", "send hook",      "bind hook"};
  return kNames[static_cast<std::size_t>(moment)];
}

std::span<const Semantics> semantics() { return kTable; }

Knowledge knowledge(const FieldUse& use, Moment moment, Tier tier) {
  const std::string name = use.text();
  const auto row = std::ranges::find_if(kTable, [&](const Semantics& s) {
    return s.moment == moment && (s.tier == tier || s.tier == Tier::kTracing) && names(s.fields, name);
  });
  return row != std::end(kTable) ? row->knowledge : by_origin(use.field->origin);
}

bool names_param(const FieldUse& use) {
  return use.field->argument == ArgumentKind::kParameter || use.field->argument == ArgumentKind::kRawParameter;
}

bool has_param(const FieldUse& use, EventType type) { return find_param(use, type) != nullptr; }

bool is_known(const FieldUse& use, const EventSet& types, Tier tier) {
  if (names_param(use) && is_untold(use, types)) return false;
  return std::ranges::any_of(
      kMoments, [&](Moment moment) { return happens_in(moment, types) && knowledge(use, moment, tier) != kUnknown; });
}

std::span<const Decision> decisions() { return kDecisions; }

const Decision* decision(const FieldUse& use, Moment hook) {
  const auto bit = static_cast<std::size_t>(std::ranges::find(kHooks, hook) - std::begin(kHooks));
  const std::string name = use.text();
  const auto* row =
      std::ranges::find_if(kDecisions, [&](const Decision& d) { return d.field == name && ((d.hooks >> bit) & 1U) != 0; });
  return row == std::end(kDecisions) ? nullptr : row;
}

std::string hooks_text(std::uint8_t hooks) {
  std::string text;
  for (std::size_t i = 0; i < std::size(kHooks); ++i) {
    if (((hooks >> i) & 1U) == 0) continue;
    const std::string_view name = spelling(kHooks[i]);
    text += (text.empty() ? "" : ", ") + std::string(name.substr(0, name.find(' ')));
  }
  return text;
}

}  // namespace shrike::event
