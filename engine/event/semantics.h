// SPDX-License-Identifier: Apache-2.0
// The semantics table: how well a field is known, per moment and tier. `shrike fields`, availability and the documentation read
// it. One row per exception; what no row names follows from the field's origin.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/event/event_type.h"
#include "engine/event/field.h"

namespace shrike::event {

enum class Tier : std::uint8_t { kTracing };
std::string_view spelling(Tier tier);

enum class Knowledge : std::uint8_t {
  kExact,    // from a kernel object or a register, at the time of the event
  kAssumed,  // user memory, or a stand-in: can be wrong, and the row says how
  kUnknown,  // nothing supplies it: always absent
};
std::string_view spelling(Knowledge knowledge);

// When the value is asked for.
enum class Moment : std::uint8_t { kExec, kFailedExec, kOpened, kFailedOpen, kConnected, kFailedConnect, kLink, kPtrace };
std::string_view spelling(Moment moment);
inline constexpr Moment kMoments[] = {Moment::kExec,      Moment::kFailedExec,    Moment::kOpened, Moment::kFailedOpen,
                                      Moment::kConnected, Moment::kFailedConnect, Moment::kLink,   Moment::kPtrace};

struct Semantics {
  std::string_view fields;  // a name, or a prefix that ends in '*'
  Moment moment;
  Tier tier;
  Knowledge knowledge;
  std::string_view note;
};
std::span<const Semantics> semantics();

// `use` matters where the argument does: evt.arg.flags, evt.arg.request.
Knowledge knowledge(const FieldUse& use, Moment moment, Tier tier);

// Is there a moment of an event in `types` at which the field is known, be it by assumption?
bool is_known(const FieldUse& use, const EventSet& types, Tier tier);

}  // namespace shrike::event
