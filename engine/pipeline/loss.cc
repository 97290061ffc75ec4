// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/loss.h"

#include "engine/act/make_alert.h"

namespace shrike::pipeline {

std::optional<act::Alert> LossMonitor::check(std::span<const HookLoss> hooks, std::uint64_t corrupt, std::uint64_t time_ns,
                                             const std::string& hostname) {
  static constexpr std::uint8_t kCritical = 2;
  std::uint64_t lost = corrupt;
  for (const HookLoss& hook : hooks) lost += hook.lost();
  if (lost <= reported_) return std::nullopt;

  std::vector<std::pair<std::string, act::FieldValue>> fields{{"lost", lost - reported_}, {"lost_total", lost}};
  for (const HookLoss& hook : hooks) {
    if (hook.lost() == 0) continue;
    fields.emplace_back(hook.hook + ".produced", hook.produced);
    fields.emplace_back(hook.hook + ".delivered", hook.delivered);
    fields.emplace_back(hook.hook + ".lost_ring_full", hook.ring_full);
    fields.emplace_back(hook.hook + ".lost_no_scratch", hook.no_scratch);
    fields.emplace_back(hook.hook + ".waiting", hook.waiting());
    fields.emplace_back(hook.hook + ".missed", hook.missed);
  }
  if (corrupt != 0) fields.emplace_back("corrupt", corrupt);
  act::Alert notice =
      act::make_notice("Shrike internal: events lost", kCritical, std::to_string(lost - reported_) + " events were lost",
                       std::move(fields), time_ns, hostname);
  reported_ = lost;
  return notice;
}

}  // namespace shrike::pipeline
