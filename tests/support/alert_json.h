// SPDX-License-Identifier: Apache-2.0
// An act::Alert from a line of JSON, for tests that are driven from files and other languages: its members under their own names,
// texts as strings or, of any bytes, {"base64": "…"}. Natural numbers are uint64.
#pragma once

#include <string_view>

#include "engine/act/alert.h"
#include "outputs/encode/encoder.h"

namespace shrike::test {

act::Alert parse_alert(std::string_view line);

// The host that goes with them.
outputs::HostFacts alert_host();

}  // namespace shrike::test
