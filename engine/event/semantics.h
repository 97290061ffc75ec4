// SPDX-License-Identifier: Apache-2.0
// The semantics table: how well a field is known, per moment and tier, and by which fields the kernel decides at its hooks.
// `shrike fields`, availability, the compilation of block and kill rules and the documentation read it. One row per exception;
// what no row names follows from the field's origin, and the kernel does not decide by it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/event/event_type.h"
#include "engine/event/field.h"

namespace shrike::event {

enum class Tier : std::uint8_t { kTracing, kFull };
std::string_view spelling(Tier tier);

enum class Knowledge : std::uint8_t {
  kExact,    // from a kernel object or a register, at the time of the event
  kAssumed,  // user memory, or a stand-in: can be wrong, and the row says how
  kUnknown,  // nothing supplies it: always absent
};
std::string_view spelling(Knowledge knowledge);

// When the value is asked for. The last five are hooks, before the thing happens: where block and kill rules are decided. In
// the tracing tier there are programs at the last three, and what exec and open hooks would decide is decided after the fact.
enum class Moment : std::uint8_t {
  kExec,
  kFailedExec,
  kOpened,
  kFailedOpen,
  kConnected,
  kFailedConnect,
  kAccept,
  kListen,  // and bind
  kSend,
  kReceive,
  kPaths,       // link, symlink, rename, unlink, rmdir, mkdir, chmod and their kin
  kDescriptor,  // socket, dup, fchmod, setns, bpf, userfaultfd, finit_module
  kClose,
  kPtrace,
  kOther,    // init_module, setuid, unshare
  kGeneric,  // a call told by its name alone
  kExecHook,
  kOpenHook,
  kConnectHook,
  kSendHook,
  kBindHook,
};
std::string_view spelling(Moment moment);
// When the engine sees the event.
inline constexpr Moment kMoments[] = {Moment::kExec,      Moment::kFailedExec,    Moment::kOpened, Moment::kFailedOpen,
                                      Moment::kConnected, Moment::kFailedConnect, Moment::kAccept, Moment::kListen,
                                      Moment::kSend,      Moment::kReceive,       Moment::kPaths,  Moment::kDescriptor,
                                      Moment::kClose,     Moment::kPtrace,        Moment::kOther,  Moment::kGeneric};
inline constexpr Moment kHooks[] = {Moment::kExecHook, Moment::kOpenHook, Moment::kConnectHook, Moment::kSendHook,
                                    Moment::kBindHook};

struct Semantics {
  std::string_view fields;  // a name, or a prefix that ends in '*'
  Moment moment;
  Tier tier;
  Knowledge knowledge;
  std::string_view note;
};
std::span<const Semantics> semantics();

// `use` matters where the argument does: evt.arg.flags, evt.arg.request. The full tier has the tracing tier's programs too: it
// knows what that knows.
Knowledge knowledge(const FieldUse& use, Moment moment, Tier tier);

// Is there a moment of an event in `types` at which the field is known, be it by assumption?
bool is_known(const FieldUse& use, const EventSet& types, Tier tier);

// Is the field evt.arg or evt.rawarg? Then of events without that parameter it is absent, known or not.
bool names_param(const FieldUse& use);
bool has_param(const FieldUse& use, EventType type);

// How the kernel decides a check of a field at a hook.
enum class Decided : std::uint8_t {
  kValue,    // by looking the value up
  kSuccess,  // what asks for success is true there; anything else is not known yet
  kAlready,  // the same for every event of the hook: folded by the compiler
};

struct Decision {
  std::string_view field;  // as FieldUse::text() has it
  std::uint8_t hooks;      // bit i: kHooks[i]
  Decided decided;
  bool always_present;         // every event of those hooks has a value
  std::string_view operators;  // of kValue, as rules spell them, blank-joined; `exists` goes with always_present
  std::string_view note;       // what holds beyond that
};
std::span<const Decision> decisions();

// The row for a field at a hook; null: the kernel does not decide by it there.
const Decision* decision(const FieldUse& use, Moment hook);

// The hooks of a row in words: "exec, open".
std::string hooks_text(std::uint8_t hooks);

}  // namespace shrike::event
