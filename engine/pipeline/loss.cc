// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/loss.h"

#include <algorithm>
#include <utility>

#include "engine/act/make_alert.h"

namespace shrike::pipeline {

std::uint64_t Losses::lost() const {
  std::uint64_t sum = corrupt;
  for (const HookLoss& hook : hooks) sum += hook.counts.lost();
  return sum;
}

std::optional<act::Alert> LossMonitor::check(const Losses& losses, std::uint64_t time_ns, const std::string& hostname) {
  static constexpr std::uint8_t kCritical = 2;
  const std::uint64_t lost = losses.lost();
  if (lost <= reported_) return std::nullopt;

  std::vector<std::pair<std::string, act::FieldValue>> fields{{"lost", lost - reported_}, {"lost_total", lost}};
  for (const ClassLoss& one : losses.classes) {
    std::uint64_t& reported = classes_[one.name];
    fields.emplace_back(one.name, one.counts.lost() - std::min(reported, one.counts.lost()));
    reported = one.counts.lost();
  }
  if (auto named = name_cgroups(losses.cgroups); !named.empty()) fields.emplace_back("cgroups", std::move(named));
  for (const HookLoss& hook : losses.hooks) {
    const LossCounts& counts = hook.counts;
    if (counts.lost() == 0) continue;
    fields.emplace_back(hook.hook + ".produced", counts.produced);
    fields.emplace_back(hook.hook + ".delivered", counts.delivered);
    fields.emplace_back(hook.hook + ".lost_ring_full", counts.ring_full);
    fields.emplace_back(hook.hook + ".lost_no_scratch", counts.no_scratch);
    fields.emplace_back(hook.hook + ".lost_quota", counts.quota);
    fields.emplace_back(hook.hook + ".waiting", counts.waiting());
    fields.emplace_back(hook.hook + ".missed", counts.missed);
  }
  if (losses.corrupt != 0) fields.emplace_back("corrupt", losses.corrupt);
  act::Alert notice =
      act::make_notice("Shrike internal: events lost", kCritical, std::to_string(lost - reported_) + " events were lost",
                       std::move(fields), time_ns, hostname);
  reported_ = lost;
  return notice;
}

// "/a.slice:120": those that lost most since the last report, most first; what the rest lost as "others:7".
std::vector<std::string> LossMonitor::name_cgroups(const std::vector<CgroupLoss>& cgroups) {
  std::vector<std::pair<std::uint64_t, std::string>> more;
  std::map<std::string, std::uint64_t> now;
  for (const CgroupLoss& cgroup : cgroups) {
    const auto before = cgroups_.find(cgroup.path);
    const std::uint64_t reported = before == cgroups_.end() ? 0 : before->second;
    if (cgroup.lost > reported) more.emplace_back(cgroup.lost - reported, cgroup.path);
    now[cgroup.path] = cgroup.lost;
  }
  cgroups_ = std::move(now);  // no longer than what is given
  std::ranges::sort(more,
                    [](const auto& a, const auto& b) { return std::pair(b.first, a.second) < std::pair(a.first, b.second); });
  std::vector<std::string> texts;
  std::uint64_t others = 0;
  for (const auto& [lost, path] : more) {
    if (texts.size() < kCgroupsNamed)
      texts.push_back(path + ':' + std::to_string(lost));
    else
      others += lost;
  }
  if (others != 0) texts.push_back("others:" + std::to_string(others));
  return texts;
}

}  // namespace shrike::pipeline
