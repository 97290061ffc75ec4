// SPDX-License-Identifier: Apache-2.0
// make_alert renders a rule that fired into an Alert.
#pragma once

#include <functional>

#include "engine/act/alert.h"
#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/program/program.h"

namespace shrike::act {

// The value of a slot for the event (the matcher's cache).
using SlotValue = std::function<const event::Value&(std::uint32_t slot)>;

// Says "alert" as its verdict. What the event lacks goes in as shrike.incomplete, other names of its object as fd.names.
Alert make_alert(const program::Program& program, const program::Rule& rule, const event::Event& event,
                 const event::Context& context, const SlotValue& value);

// A notice of the engine's own: source internal, message followed by "(key=value …)" as Falco has it (rule-language.md 5.3).
Alert make_notice(std::string rule, std::uint8_t priority, std::string message,
                  std::vector<std::pair<std::string, FieldValue>> fields, std::uint64_t time_ns, const std::string& hostname);

// RFC 9562 section 5.7: 48 bits of epoch milliseconds, the rest random.
std::string uuid_v7(std::uint64_t epoch_ns);

}  // namespace shrike::act
