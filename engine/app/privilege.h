// SPDX-License-Identifier: Apache-2.0
// What a thread of the daemon may still do once it has started; docs/threat_model.md says why each. All of it is of the calling
// thread and of those it starts later.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/result.h"

namespace shrike::app {

// Capabilities the engine's thread goes on with: it writes and attaches kernel programs, and reads what processes and containers
// are.
std::vector<int> engine_capabilities();

// Gives up all capabilities but these, also for what is executed later (no_new_privs). Errors: kSystem.
Result<void> keep_capabilities(const std::vector<int>& kept);

// System calls that are not on the list fail with EPERM from now on. Programs that are started need their own: with `execute`
// they may be started, and inherit the list. Errors: kSystem.
Result<void> restrict_calls(bool execute);

}  // namespace shrike::app
