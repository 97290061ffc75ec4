// SPDX-License-Identifier: Apache-2.0
// FanOut offers each alert to all sinks that want it and never waits for one.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "engine/act/alert_sink.h"
#include "outputs/sink.h"

namespace shrike::outputs {

class FanOut final : public act::AlertSink {
 public:
  explicit FanOut(std::vector<std::unique_ptr<Sink>> sinks) : sinks_(std::move(sinks)) {}

  // Never an error: what becomes of it is the sinks' to count.
  Result<void> write(const act::Alert& alert) override;
  // Nothing to do: the sinks deliver as soon as they can. At the end, stop().
  Result<void> flush() override { return {}; }
  Result<void> reopen() override;

  // All together have until the deadline.
  void stop(Sink::Clock::time_point deadline);

  const std::vector<std::unique_ptr<Sink>>& sinks() const { return sinks_; }
  Sink* find(const std::string& name) const;  // nullptr: none
  std::vector<SinkNotice> take_notices();

 private:
  std::vector<std::unique_ptr<Sink>> sinks_;
};

}  // namespace shrike::outputs
