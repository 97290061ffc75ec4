// SPDX-License-Identifier: Apache-2.0
// The daemon's own log, on standard error: text for people, or logfmt or JSON, a line each. What repeats is summed up.
#pragma once

#include <memory>
#include <string>

#include <spdlog/logger.h>

namespace shrike::app {

// format   text, logfmt or json
// level    debug, info, warning or error
//
// Of the same message the first three within ten seconds are printed, then one that says how many more there were; to be flushed
// about once a second for that.
std::shared_ptr<spdlog::logger> make_log(const std::string& format, const std::string& level);

}  // namespace shrike::app
