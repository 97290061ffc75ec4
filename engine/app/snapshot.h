// SPDX-License-Identifier: Apache-2.0
// Snapshot is the state of a running daemon as a value: made on the engine's thread, printed on others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/kernel/policy_map.h"
#include "engine/lang/diagnostic.h"
#include "engine/pipeline/loss.h"
#include "engine/pipeline/pipeline.h"

namespace shrike::app {

// What a hook's programs decided.
struct HookDecisions {
  std::uint64_t refused = 0, killed = 0, would_refuse = 0, unsure = 0;
};

// What a rule did since start.
struct RuleSnapshot {
  std::uint8_t priority = 7;
  std::string action;
  std::uint64_t alerts = 0;      // 0 of rules that were never in force
  kernel::RuleReport decisions;  // by the kernel
};

struct ReloadResult {
  std::uint64_t time_ns = 0;  // epoch; 0: there was none since start
  bool ok = true;
  std::string message;
  std::uint64_t last_ok_ns = 0;  // start counts
  std::uint64_t good = 0, bad = 0;
};

// One place alerts go to: its name and what it counts, as Prometheus would call it: {"delivered", 12}.
struct SinkSnapshot {
  std::string name;
  std::string state = "ok";                                    // for people
  std::vector<std::pair<std::string, std::uint64_t>> results;  // what became of alerts
  std::vector<std::pair<std::string, std::uint64_t>> levels;   // what waits: {"queue_alerts", 3}, {"spool_bytes", 4096}
};

struct Snapshot {
  std::string version;
  std::uint32_t pid = 0;
  std::string hostname;
  std::uint64_t time_ns = 0, started_ns = 0;  // epoch
  std::uint64_t uptime_ns = 0;
  std::string tier, mode;
  std::optional<double> confirm_s;  // until mode enforce falls back to monitor
  std::uint32_t generation = 0;
  std::size_t programs = 0;  // attached
  std::size_t rules_loaded = 0, rules_active = 0, rules_partial = 0, rules_inactive = 0, rules_disabled = 0;
  std::map<std::string, std::size_t> enforcement;  // of block and kill rules: "enforced" → 3
  std::map<std::string, RuleSnapshot> rules;       // those that did something, and those that are loaded
  pipeline::Counters counters;
  pipeline::Losses losses;
  std::map<std::string, HookDecisions> decisions;  // by hook
  ReloadResult reload;
  std::vector<SinkSnapshot> sinks;
  std::size_t processes = 0, processes_evicted = 0;
  std::size_t tails = 0;
  std::uint64_t tail_lost = 0;
};

nlohmann::json to_json(const Snapshot& snapshot);
// For /metrics: Prometheus' text format 0.0.4.
std::string metrics_text(const Snapshot& snapshot);

// As `rules check --format json` has them, with "severity", and "text" as people read it.
nlohmann::json to_json(const lang::Diagnostics& diagnostics);

}  // namespace shrike::app
