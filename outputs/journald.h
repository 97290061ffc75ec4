// SPDX-License-Identifier: Apache-2.0
// journald by its native protocol, a datagram per entry: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, SHRIKE_ID, SHRIKE_RULE,
// SHRIKE_SOURCE, SHRIKE_SUBJECT, SHRIKE_TIME (epoch, ns). Not by libsystemd, which says nothing when no journal is there.
// Delivered is what its socket has taken; what journald then leaves out (RateLimitBurst=) it tells only its own journal.
#pragma once

#include <memory>

#include "engine/base/result.h"
#include "outputs/destination.h"
#include "outputs/options.h"

namespace shrike::outputs {

Result<std::unique_ptr<Destination>> make_journald(const JournaldOptions& options);

}  // namespace shrike::outputs
