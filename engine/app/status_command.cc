// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/app/commands.h"
#include "engine/app/control_client.h"

namespace shrike::app {
namespace {

using nlohmann::json;

// "1 d 2 h", "12 min 3 s"
std::string duration_text(double seconds) {
  const auto all = static_cast<std::uint64_t>(seconds);
  if (all >= 86'400) return std::to_string(all / 86'400) + " d " + std::to_string(all % 86'400 / 3'600) + " h";
  if (all >= 3'600) return std::to_string(all / 3'600) + " h " + std::to_string(all % 3'600 / 60) + " min";
  if (all >= 60) return std::to_string(all / 60) + " min " + std::to_string(all % 60) + " s";
  return std::to_string(all) + " s";
}

void print_rules(const json& status) {
  const json& rules = part(status, "rules");
  std::printf("rules    %lu loaded: %lu active, %lu partial, %lu inactive, %lu disabled\n", number(rules, "loaded"),
              number(rules, "active"), number(rules, "partial"), number(rules, "inactive"), number(rules, "disabled"));
  const json& enforcement = part(rules, "enforcement");
  std::string text;
  for (const auto& [what, count] : enforcement.items())
    text += (text.empty() ? "" : ", ") + std::to_string(count.get<std::uint64_t>()) + ' ' + printable(what);
  if (!text.empty()) std::printf("         of block and kill rules %s\n", text.c_str());
  const json& reload = part(status, "reload");
  if (reload.contains("time")) {
    std::printf("reload   %s: %s%s\n", printable(reload.value("time", "")).c_str(),
                reload.value("ok", true) ? "" : "REFUSED: ", printable(reload.value("message", "")).c_str());
  }
}

void print_hooks(const json& status) {
  std::printf("\n%-28s %12s %12s %10s %10s %10s\n", "hook", "produced", "delivered", "lost", "refused", "killed");
  for (const auto& [name, hook] : part(status, "hooks").items()) {
    if (number(hook, "produced") + number(hook, "missed") + number(hook, "refused") + number(hook, "killed") == 0) continue;
    const std::uint64_t lost =
        number(hook, "lost_ring_full") + number(hook, "lost_no_scratch") + number(hook, "lost_quota") + number(hook, "missed");
    std::printf("%-28s %12lu %12lu %10lu %10lu %10lu\n", printable(name).c_str(), number(hook, "produced"),
                number(hook, "delivered"), lost, number(hook, "refused"), number(hook, "killed"));
  }
}

void print_alerts(const json& status) {
  bool any = false;
  for (const auto& [name, rule] : part(status, "by_rule").items()) {
    const std::uint64_t decided = number(rule, "blocked") + number(rule, "killed");
    const std::uint64_t would = number(rule, "would_block") + number(rule, "would_kill");
    if (number(rule, "alerts") + decided + would == 0) continue;
    if (!any) std::printf("\n%12s %12s %12s  %s\n", "alerts", "decided", "would have", "rule");
    any = true;
    std::printf("%12lu %12lu %12lu  %s\n", number(rule, "alerts"), decided, would, printable(name).c_str());
  }
}

void print(const json& status) {
  std::printf("shrike   %s, pid %lu, up %s since %s\n", printable(status.value("version", "")).c_str(), number(status, "pid"),
              duration_text(status.value("uptime_s", 0.0)).c_str(), printable(status.value("started", "")).c_str());
  std::printf("tier     %s, %lu programs attached\n", printable(status.value("tier", "")).c_str(), number(status, "programs"));
  std::printf("mode     %s, policy generation %lu\n", printable(status.value("mode", "")).c_str(), number(status, "generation"));
  if (status.contains("confirm_within_s"))
    std::printf("         back to monitor in %.0f s unless `shrike confirm` comes\n",
                std::ceil(status.value("confirm_within_s", 0.0)));
  print_rules(status);
  std::printf("events   %lu, %lu lost, %lu corrupt\n", number(status, "events"), number(status, "lost"),
              number(status, "corrupt"));
  std::printf("alerts   %lu, %lu not delivered\n", number(status, "alerts"), number(status, "alerts_failed"));
  for (const json& sink : part(status, "sinks")) {
    std::string counts;
    for (const auto& [key, value] : sink.items()) {
      if (value.is_number_unsigned()) counts += ", " + printable(key) + ' ' + std::to_string(value.get<std::uint64_t>());
    }
    std::printf("sink     %s: %s%s\n", printable(sink.value("name", "")).c_str(), printable(sink.value("state", "")).c_str(),
                counts.c_str());
  }
  const json& tails = part(status, "tails");
  if (number(tails, "open") + number(tails, "lost") != 0)
    std::printf("tails    %lu open, %lu alerts they were too slow for\n", number(tails, "open"), number(tails, "lost"));
  for (const auto& [path, lost] : part(status, "cgroups_lost").items())
    std::printf("lost     %lu by %s\n", lost.get<std::uint64_t>(), printable(path).c_str());
  print_hooks(status);
  print_alerts(status);
}

}  // namespace

int print_status(const Options& options) {
  const auto answer = ControlClient(options).get("status");
  if (!answer || answer->status != 200 || options.format == "json") return conclude(answer, options.format == "json");
  print(answer->body);
  return kDone;
}

}  // namespace shrike::app
