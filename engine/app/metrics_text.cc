// SPDX-License-Identifier: Apache-2.0
// A Snapshot as Prometheus reads it. Names and labels are bounded by the rule files and the hooks, never by what happens.
#include <string_view>

#include "engine/app/snapshot.h"
#include "engine/program/program.h"

namespace shrike::app {
namespace {

// In label values; bytes that are not UTF-8 become '?'.
std::string escaped(std::string_view text) {
  std::string clean = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string out;
  clean = nlohmann::json::parse(clean).get<std::string>();
  for (const char c : clean) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

class Writer {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Samples of one metric follow each other.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ")
        .append(name)
        .append(" ")
        .append(help)
        .append("\n# TYPE ")
        .append(name)
        .append(" ")
        .append(type)
        .append("\n");
  }
  void sample(const Labels& labels, std::uint64_t value) { line(labels, std::to_string(value)); }
  void sample(const Labels& labels, double value) { line(labels, nlohmann::json(value).dump()); }
  void single(std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
    family(name, type, help);
    sample({}, value);
  }

  std::string take() { return std::move(text_); }

 private:
  void line(const Labels& labels, const std::string& value) {
    text_ += name_;
    char before = '{';
    for (const auto& [key, content] : labels) {
      text_ += before;
      text_.append(key).append("=\"").append(escaped(content)).append("\"");
      before = ',';
    }
    if (before == ',') text_ += '}';
    text_.append(" ").append(value).append("\n");
  }

  std::string text_;
  std::string name_;
};

void write_events(Writer& out, const Snapshot& from) {
  out.family("shrike_events_produced_total", "counter", "Records the kernel programs began, by hook.");
  for (const auto& hook : from.losses.hooks) out.sample({{"hook", hook.hook}}, hook.counts.produced);
  out.family("shrike_events_total", "counter", "Records that arrived, by hook.");
  for (const auto& hook : from.losses.hooks) out.sample({{"hook", hook.hook}}, hook.counts.delivered);
  out.family("shrike_events_lost_total", "counter", "Records that did not arrive, by hook and reason.");
  for (const auto& hook : from.losses.hooks) {
    const pipeline::LossCounts& lost = hook.counts;
    const std::pair<std::string_view, std::uint64_t> reasons[] = {
        {"ring_full", lost.ring_full}, {"no_scratch", lost.no_scratch}, {"quota", lost.quota}, {"missed", lost.missed}};
    for (const auto& [reason, count] : reasons) out.sample({{"hook", hook.hook}, {"reason", reason}}, count);
  }
  out.single("shrike_events_evaluated_total", "counter", "Events rules were asked about.", from.counters.events);
  out.single("shrike_records_corrupt_total", "counter", "Records that could not be decoded or explained.", from.counters.corrupt);
  out.family("shrike_enforcement_decisions_total", "counter", "What the kernel decided, by hook.");
  for (const auto& [hook, decided] : from.decisions) {
    const std::pair<std::string_view, std::uint64_t> verdicts[] = {{"refused", decided.refused},
                                                                   {"killed", decided.killed},
                                                                   {"would_refuse", decided.would_refuse},
                                                                   {"unsure", decided.unsure}};
    for (const auto& [verdict, count] : verdicts) out.sample({{"hook", hook}, {"verdict", verdict}}, count);
  }
}

void write_rules(Writer& out, const Snapshot& from) {
  out.family("shrike_rules_loaded", "gauge", "Rules, by what this host makes of them.");
  const std::pair<std::string_view, std::size_t> states[] = {{"active", from.rules_active},
                                                             {"partial", from.rules_partial},
                                                             {"inactive", from.rules_inactive},
                                                             {"disabled", from.rules_disabled}};
  for (const auto& [state, count] : states) out.sample({{"state", state}}, std::uint64_t{count});
  out.family("shrike_rule_matches_total", "counter", "Alerts of a rule, by its priority and action.");
  for (const auto& [name, rule] : from.rules) {
    out.sample({{"rule", name}, {"priority", program::priority_name(rule.priority)}, {"action", rule.action}}, rule.alerts);
  }
  out.family("shrike_rule_decisions_total", "counter", "What a block or kill rule decided in the kernel.");
  for (const auto& [name, rule] : from.rules) {
    if (rule.action == "alert") continue;
    const kernel::RuleReport& done = rule.decisions;
    const std::pair<std::string_view, std::uint64_t> verdicts[] = {{"blocked", done.blocked},
                                                                   {"killed", done.killed},
                                                                   {"would_block", done.would_block},
                                                                   {"would_kill", done.would_kill},
                                                                   {"outranked", done.outranked}};
    for (const auto& [verdict, count] : verdicts) out.sample({{"rule", name}, {"verdict", verdict}}, count);
  }
}

void write_outputs(Writer& out, const Snapshot& from) {
  out.single("shrike_alerts_total", "counter", "Alerts, notices of the engine included.", from.counters.alerts);
  out.family("shrike_output_events_total", "counter", "What became of alerts, by output.");
  for (const SinkSnapshot& sink : from.sinks) {
    for (const auto& [result, count] : sink.results) out.sample({{"output", sink.name}, {"result", result}}, count);
  }
  out.family("shrike_output_waiting", "gauge", "What waits to be delivered, by output and unit.");
  for (const SinkSnapshot& sink : from.sinks) {
    for (const auto& [what, count] : sink.levels) out.sample({{"output", sink.name}, {"what", what}}, count);
  }
  out.single("shrike_tails", "gauge", "Clients that watch alerts live.", from.tails);
  out.single("shrike_tail_lost_total", "counter", "Alerts such clients were too slow for.", from.tail_lost);
}

}  // namespace

std::string metrics_text(const Snapshot& from) {
  constexpr double kNs = 1e9;
  Writer out;
  out.family("shrike_build_info", "gauge", "What runs here; always 1.");
  out.sample({{"version", from.version}, {"tier", from.tier}}, std::uint64_t{1});
  out.family("shrike_start_time_seconds", "gauge", "When capture began, since the epoch.");
  out.sample({}, static_cast<double>(from.started_ns) / kNs);
  out.family("shrike_mode", "gauge", "1 for the mode in force.");
  for (const std::string_view mode : {"detect", "monitor", "enforce"})
    out.sample({{"mode", mode}}, std::uint64_t{mode == from.mode ? 1U : 0U});
  out.single("shrike_bpf_programs_attached", "gauge", "Kernel programs attached.", from.programs);
  out.single("shrike_policy_generation", "gauge", "Number of the kernel's policy in force.", from.generation);
  write_events(out, from);
  write_rules(out, from);
  write_outputs(out, from);
  out.single("shrike_config_last_reload_successful", "gauge", "1 unless the last reload was refused.", from.reload.ok ? 1 : 0);
  out.family("shrike_config_last_reload_success_timestamp_seconds", "gauge", "When rules last came into force, since the epoch.");
  out.sample({}, static_cast<double>(from.reload.last_ok_ns) / kNs);
  out.single("shrike_process_cache_entries", "gauge", "Processes known.", from.processes);
  out.single("shrike_process_cache_evictions_total", "counter", "Processes forgotten for lack of room.", from.processes_evicted);
  return out.take();
}

}  // namespace shrike::app
