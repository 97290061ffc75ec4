// SPDX-License-Identifier: Apache-2.0
// The name alerts carry: SHRIKE_HOSTNAME or FALCO_HOSTNAME if set, else this host's.
#pragma once

#include <string>

namespace shrike::app {

std::string host_name();

}  // namespace shrike::app
