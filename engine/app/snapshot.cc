// SPDX-License-Identifier: Apache-2.0
#include "engine/app/snapshot.h"

#include "engine/event/times.h"

namespace shrike::app {
namespace {

using nlohmann::json;

json to_json(const pipeline::LossCounts& counts) {
  return {{"produced", counts.produced},          {"delivered", counts.delivered}, {"lost_ring_full", counts.ring_full},
          {"lost_no_scratch", counts.no_scratch}, {"lost_quota", counts.quota},    {"missed", counts.missed}};
}

std::string iso(std::uint64_t epoch_ns) { return event::iso_time_text(epoch_ns, "Z"); }

json reload_json(const ReloadResult& reload) {
  json result = {{"good", reload.good}, {"bad", reload.bad}};
  if (reload.time_ns != 0) result.update({{"time", iso(reload.time_ns)}, {"ok", reload.ok}, {"message", reload.message}});
  return result;
}

json hooks_json(const Snapshot& from) {
  json hooks = json::object();
  for (const pipeline::HookLoss& hook : from.losses.hooks) {
    json& one = hooks[hook.hook] = to_json(hook.counts);
    const auto decisions = from.decisions.find(hook.hook);
    if (decisions == from.decisions.end()) continue;
    one.update({{"refused", decisions->second.refused},
                {"killed", decisions->second.killed},
                {"would_refuse", decisions->second.would_refuse},
                {"unsure", decisions->second.unsure}});
  }
  return hooks;
}

json rules_json(const Snapshot& from) {
  json rules = json::object();
  for (const auto& [name, rule] : from.rules) {
    rules[name] = {{"alerts", rule.alerts}, {"priority", rule.priority}, {"action", rule.action}};
    if (rule.action == "alert") continue;
    rules[name].update({{"blocked", rule.decisions.blocked},
                        {"killed", rule.decisions.killed},
                        {"would_block", rule.decisions.would_block},
                        {"would_kill", rule.decisions.would_kill},
                        {"outranked", rule.decisions.outranked}});
  }
  return rules;
}

json sinks_json(const Snapshot& from) {
  json sinks = json::array();
  for (const SinkSnapshot& sink : from.sinks) {
    json& one = sinks.emplace_back(json{{"name", sink.name}, {"state", sink.state}});
    for (const auto& [name, value] : sink.results) one[name] = value;
    for (const auto& [name, value] : sink.levels) one[name] = value;
  }
  return sinks;
}

}  // namespace

json to_json(const Snapshot& from) {
  json classes = json::object();
  for (const pipeline::ClassLoss& one : from.losses.classes) classes[one.name] = to_json(one.counts);
  json cgroups = json::object();
  for (const pipeline::CgroupLoss& one : from.losses.cgroups) cgroups[one.path] = one.lost;
  const pipeline::Counters& counters = from.counters;
  json result = {
      {"ok", true},
      {"version", from.version},
      {"pid", from.pid},
      {"hostname", from.hostname},
      {"time_ns", from.time_ns},
      {"started", iso(from.started_ns)},
      {"uptime_s", static_cast<double>(from.uptime_ns) / 1e9},
      {"tier", from.tier},
      {"mode", from.mode},
      {"generation", from.generation},
      {"programs", from.programs},
      {"rules",
       {{"loaded", from.rules_loaded},
        {"active", from.rules_active},
        {"partial", from.rules_partial},
        {"inactive", from.rules_inactive},
        {"disabled", from.rules_disabled},
        {"enforcement", from.enforcement}}},
      {"by_rule", rules_json(from)},
      {"events", counters.events},
      {"alerts", counters.alerts},
      {"alerts_failed", counters.alerts_failed},
      {"records", counters.records},
      {"corrupt", counters.corrupt},
      {"lost", from.losses.lost()},
      {"hooks", hooks_json(from)},
      {"classes", classes},
      {"cgroups_lost", cgroups},
      {"sinks", sinks_json(from)},
      {"reload", reload_json(from.reload)},
      {"processes", {{"known", from.processes}, {"evicted", from.processes_evicted}}},
      {"tails", {{"open", from.tails}, {"lost", from.tail_lost}}},
  };
  if (from.confirm_s) result["confirm_within_s"] = *from.confirm_s;
  return result;
}

json to_json(const lang::Diagnostics& diagnostics) {
  json all = json::array();
  for (const lang::Diagnostic& one : diagnostics.all()) {
    all.push_back({{"severity", one.severity == lang::Severity::kError ? "error" : "warning"},
                   {"code", one.code},
                   {"message", one.message},
                   {"file", one.position.file},
                   {"line", one.position.line},
                   {"column", one.position.column},
                   {"text", lang::format(one)}});
  }
  return all;
}

}  // namespace shrike::app
