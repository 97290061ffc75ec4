// SPDX-License-Identifier: Apache-2.0
#include "outputs/fan_out.h"

#include <algorithm>
#include <iterator>

namespace shrike::outputs {

Result<void> FanOut::write(const act::Alert& alert) {
  std::shared_ptr<const act::Alert> shared;
  for (const auto& sink : sinks_) {
    if (!sink->wants(alert)) continue;
    if (!shared) shared = std::make_shared<const act::Alert>(alert);
    sink->offer(shared);
  }
  return {};
}

Result<void> FanOut::reopen() {
  for (const auto& sink : sinks_) sink->reopen();
  return {};
}

void FanOut::stop(Sink::Clock::time_point deadline) {
  for (const auto& sink : sinks_) sink->begin_stop();
  for (const auto& sink : sinks_) sink->stop(deadline);
}

Sink* FanOut::find(const std::string& name) const {
  const auto found = std::ranges::find(sinks_, name, [](const auto& sink) { return sink->name(); });
  return found == sinks_.end() ? nullptr : found->get();
}

std::vector<SinkNotice> FanOut::take_notices() {
  std::vector<SinkNotice> all;
  for (const auto& sink : sinks_) std::ranges::move(sink->take_notices(), std::back_inserter(all));
  return all;
}

}  // namespace shrike::outputs
