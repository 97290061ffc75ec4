// SPDX-License-Identifier: Apache-2.0
#include "engine/app/commands.h"

namespace shrike::app {

int test_rules(const Options&) { return kUsage; }

}  // namespace shrike::app
