// SPDX-License-Identifier: Apache-2.0
// Parameters of events as text: evt.arg.*, evt.args (rule-language.md 4.3).
#pragma once

#include <optional>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/event/value.h"

namespace shrike::event {

// Both spellings; resolved is empty where raw says all.
struct ParamText {
  std::string_view raw;
  std::string_view resolved;
};

// Nothing if this version does not capture the parameter.
std::optional<ParamText> param_text(const Event& event, const Context& context, Arena& arena, const Param& param);

// The parameter as evt.rawarg has it: numbers as numbers, paths as passed. Absent if this version does not capture it.
Value param_value(const Event& event, Arena& arena, const Param& param);

// Does this version tell the parameter of events of that type, if only of those that failed?
bool is_captured(EventType type, const Param& param);

// EXE_WRITABLE: could the process write its own executable? From the inode's owner and mode and the credentials, as the kernel's
// generic permission check does, without ACLs.
bool exe_writable(const Event& event);

}  // namespace shrike::event
