// SPDX-License-Identifier: Apache-2.0
#include "outputs/summing.h"

#include <algorithm>

namespace shrike::outputs {
namespace {

std::shared_ptr<const act::Alert> summed(const std::shared_ptr<const act::Alert>& last, std::uint64_t count,
                                         std::chrono::seconds window) {
  if (count == 1) return last;
  auto sum = std::make_shared<act::Alert>(*last);
  sum->message += " (×" + std::to_string(count) + " in " + std::to_string(window.count()) + " s)";
  sum->fields.emplace_back("shrike.count", count);
  return sum;
}

}  // namespace

std::optional<Summing::Shared> Summing::add(Shared alert, Time now) {
  if (window_ == std::chrono::seconds(0) || alert->source == "internal") return alert;
  const auto [found, first] =
      open_.try_emplace({alert->rule, alert->verdict}, Open{.end = now + window_, .count = 0, .last = {}});
  if (first) return alert;
  ++held_;
  ++found->second.count;
  found->second.last = std::move(alert);
  return std::nullopt;
}

std::vector<Summing::Shared> Summing::due(Time now, bool all) {
  std::vector<Shared> out;
  for (auto at = open_.begin(); at != open_.end();) {
    Open& open = at->second;
    if (!all && open.end > now) {
      ++at;
      continue;
    }
    if (open.count != 0) {
      out.push_back(summed(open.last, open.count, window_));
      held_ -= open.count;
    }
    if (open.count == 0 || all) {
      at = open_.erase(at);
      continue;
    }
    open = Open{.end = now + window_, .count = 0, .last = {}};
    ++at;
  }
  std::ranges::sort(out, {}, [](const Shared& alert) { return alert->time_ns; });
  return out;
}

std::optional<Summing::Time> Summing::next() const {
  if (open_.empty()) return std::nullopt;
  return std::ranges::min_element(open_, {}, [](const auto& entry) { return entry.second.end; })->second.end;
}

}  // namespace shrike::outputs
