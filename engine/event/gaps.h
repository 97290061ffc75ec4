// SPDX-License-Identifier: Apache-2.0
// What an event lacks, by the names alerts and recordings have for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/event/event.h"

namespace shrike::event {

// The event's gaps, and its process's: it may have got its arguments long before.
Gaps all_gaps(const Event& event);

// "path,arguments"; empty if nothing is missing.
std::string gaps_text(const Gaps& gaps);

// The other way round; nothing if a name is none.
std::optional<Gaps> parse_gaps(std::string_view text);

}  // namespace shrike::event
