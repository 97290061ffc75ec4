// SPDX-License-Identifier: Apache-2.0
// Parameters of events as text: evt.arg.*, evt.args (rule-language.md 4.3).
#pragma once

#include <optional>
#include <string>

#include "engine/event/context.h"
#include "engine/event/event.h"

namespace shrike::event {

// Both spellings; resolved is empty where raw says all.
struct ParamText {
  std::string raw;
  std::string resolved;
};

// Nothing if this version does not capture the parameter.
std::optional<ParamText> param_text(const Event& event, const Context& context, const Param& param);

// EXE_WRITABLE: could the process write its own executable? From the inode's owner and mode and the credentials, as the kernel's
// generic permission check does, without ACLs.
bool exe_writable(const Event& event);

}  // namespace shrike::event
