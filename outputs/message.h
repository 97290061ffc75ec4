// SPDX-License-Identifier: Apache-2.0
// Message is one alert on its way to one sink: encoded, with what a transport may need beside it. The spool keeps it as it is.
#pragma once

#include <cstdint>
#include <string>

namespace shrike::outputs {

struct Message {
  std::string id;             // the alert's UUIDv7: the same in every attempt, so that receivers can tell duplicates
  std::uint64_t time_ns = 0;  // of the event, epoch
  std::uint8_t priority = 7;  // 0 emergency … 7 debug
  std::string rule;
  std::string source;   // "syscall", "internal"
  std::string host;     // hostname
  std::string subject;  // container id, or "host": what belongs together, e.g. for a partition
  std::string body;     // in the sink's encoding; one record, no line break at its end

  bool operator==(const Message&) const = default;
};

}  // namespace shrike::outputs
