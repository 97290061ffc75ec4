// SPDX-License-Identifier: Apache-2.0
// Destination is where one sink's messages go: it tries once and says of each message what became of it. Queues, spools,
// repetition and patience are the sink's (outputs/sink.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "outputs/message.h"

namespace shrike::outputs {

enum class Fate : std::uint8_t {
  kDelivered,  // acknowledged, as far as the protocol can tell
  kRetry,      // not, or not known: again later
  kRejected,   // never will be: to the dead letters
};

struct Outcome {
  Fate fate = Fate::kRetry;
  std::string reason;  // of the other two: "503 Service Unavailable: queue full"; no secrets in it
};

struct Delivery {
  std::vector<Outcome> outcomes;                         // one per message, in order
  std::optional<std::chrono::milliseconds> retry_after;  // what the other side asked for

  // All of `count` messages met the same fate.
  static Delivery all(std::size_t count, Fate fate, std::string reason = {}) {
    return {std::vector<Outcome>(count, Outcome{fate, std::move(reason)}), std::nullopt};
  }
};

class Destination {
 public:
  // The most that one deliver() takes; a single larger message is handed over alone all the same.
  struct Limits {
    std::size_t messages = 1;
    std::size_t bytes = std::size_t{1} << 20U;  // of bodies
  };

  virtual ~Destination() = default;
  virtual Limits limits() const = 0;
  // Tries once, no longer than the destination's own time-out. On one thread only; never throws. `stop` ends waits early: what is
  // then not known to have arrived is kRetry.
  virtual Delivery deliver(std::span<const Message> messages, std::stop_token stop) = 0;
  // What it writes to may have been moved away (SIGUSR1, SIGHUP): look it up again. On the same thread.
  virtual void reopen() {}
  // Messages so far whose text was cut to what the other side takes. Any thread.
  virtual std::uint64_t truncated() const { return 0; }
  // For people: "https://siem.example:8088/services/collector/event"; no secrets.
  virtual std::string describe() const = 0;
};

}  // namespace shrike::outputs
