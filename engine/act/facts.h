// SPDX-License-Identifier: Apache-2.0
// Facts are the catalogue fields that encodings read of an event, whatever a rule's output names.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/act/alert.h"
#include "engine/event/context.h"
#include "engine/event/event.h"

namespace shrike::act {

// Their names, sorted.
std::span<const std::string_view> fact_names();

// Those the event has, sorted by name. proc.args is the list of single arguments here.
std::vector<std::pair<std::string, FieldValue>> facts_of(const event::Event& event, const event::Context& context);

}  // namespace shrike::act
