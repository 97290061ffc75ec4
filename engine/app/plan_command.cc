// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/app/commands.h"
#include "engine/app/load_rules.h"
#include "engine/decode/hooks.h"
#include "engine/kernel/capture_plan.h"
#include "outputs/format.h"

namespace shrike::app {
namespace {

using compile::KernelClause;
using compile::KernelRule;
using compile::KernelUnit;
using compile::OperationClauses;
using event::Tier;
using nlohmann::json;
using program::Operation;

// Where an operation is decided.
std::vector<std::string> hooks_of(Operation operation, Tier tier) {
  const bool full = tier == Tier::kFull;
  switch (operation) {
    case Operation::kExec:
      return {full ? "bprm_creds_from_file" : "sched_process_exec"};  // tracing: killed after the fact
    case Operation::kOpen:
      return full ? std::vector<std::string>{"file_open", "path_mknod"} : std::vector<std::string>{"sys_exit"};
    case Operation::kConnect:  // TCP Fast Open connects by sending
      return full ? std::vector<std::string>{"socket_connect", "socket_sendmsg"} : std::vector<std::string>{"cgroup_connect"};
    case Operation::kSend:
      return {full ? "socket_sendmsg" : "cgroup_sendmsg"};
    case Operation::kBind:
      return {full ? "socket_bind" : "cgroup_bind"};
  }
  return {};
}

std::vector<std::string> programs_of(const LoadedRules& loaded, Tier tier) {
  const kernel::CapturePlan capture = kernel::make_capture_plan(loaded.program, loaded.plan, tier == Tier::kFull);
  std::vector<std::string> programs;
  for (std::size_t hook = 0; hook < HOOK_COUNT; ++hook) {
    if (kernel::needs_hook(capture, hook)) programs.emplace_back(decode::hook_name(hook));
  }
  return programs;
}

// What those programs can't tell, though rules ask for it.
std::vector<std::string_view> limits_of(const std::vector<std::string>& programs) {
  if (std::ranges::find(programs, decode::hook_name(HOOK_IO_URING)) == programs.end()) return {};
  return {kernel::kIoUringLimit};
}

const KernelRule* find_kernel_rule(const LoadedRules& loaded, std::size_t rule) {
  const auto found = std::ranges::find(loaded.kernel_rules, rule, &KernelRule::rule);
  return found == loaded.kernel_rules.end() ? nullptr : &*found;
}

std::string status_of(const program::Rule& rule) {
  if (!rule.enabled) return "disabled";
  if (rule.availability.state == program::Availability::State::kInactive) return "inactive: " + rule.availability.reason;
  return rule.enforcement.empty() ? "alerts" : rule.enforcement;
}

// Events the rule is about that this tier can't see; empty if it sees them all, or the rule is off anyway.
std::string unseen_by(const program::Rule& rule) {
  return rule.enabled && rule.availability.state == program::Availability::State::kPartial ? rule.availability.reason : "";
}

// What is left to the engine, and why.
std::vector<std::string> remains_of(const program::Rule& rule) {
  if (!rule.enabled) return {};
  if (rule.action == "alert") return {"the whole condition: an alert rule"};
  if (rule.decided_in_kernel) return {"the alert, made from the kernel's verdict"};
  if (rule.enforcement.empty()) return {"nothing: the condition can never hold"};
  return {
      "the whole condition: this tier refuses no exec and no open, and of sockets only those with an IP address (ask for "
      "fd.sport, fd.sip, fd.snet or fd.l4proto); so the rule alerts"};
}

// Checks that are true at the hooks because success is assumed there.
std::vector<std::string> assumed_of(const program::Rule& rule, const KernelRule* kernel) {
  std::vector<std::string> assumed;
  if (kernel == nullptr || !rule.decided_in_kernel) return assumed;
  for (const OperationClauses& operation : kernel->operations)
    assumed.insert(assumed.end(), operation.assumed.begin(), operation.assumed.end());
  std::ranges::sort(assumed);
  const auto rest = std::ranges::unique(assumed);
  assumed.erase(rest.begin(), rest.end());
  return assumed;
}

json operation_json(const OperationClauses& operation, const program::Rule& rule, Tier tier) {
  json clauses = json::array();
  const auto add = [&](const KernelClause& clause, bool veto) {
    clauses.push_back({{"text", clause.text(operation.operation)}, {"veto", veto}});
  };
  for (const KernelUnit& unit : operation.units) {
    for (const KernelClause& veto : unit.vetoes) add(veto, true);
    for (const KernelClause& clause : unit.clauses) add(clause, false);
  }
  const bool decided = rule.decided_in_kernel;
  return {{"operation", spelling(operation.operation)},
          {"hooks", decided ? json(hooks_of(operation.operation, tier)) : json::array()},
          {"clauses", decided ? clauses : json::array()},
          {"decided", decided}};
}

// What the rule may do on a host in mode enforce.
json mode_json(const program::Rule& rule, const KernelRule* kernel) {
  if (kernel == nullptr) return rule.action == "alert" ? json(nullptr) : json(rule.mode.empty() ? "enforce" : rule.mode);
  return effective_mode(*kernel, compile::HostMode::kEnforce) == compile::HostMode::kEnforce ? "enforce" : "monitor";
}

json plan_json(const LoadedRules& loaded, Tier tier) {
  json rules = json::array();
  for (std::size_t i = 0; i < loaded.program.rules.size(); ++i) {
    const program::Rule& rule = loaded.program.rules[i];
    const KernelRule* kernel = find_kernel_rule(loaded, i);
    json operations = json::array();
    if (kernel != nullptr) {
      for (const OperationClauses& operation : kernel->operations) operations.push_back(operation_json(operation, rule, tier));
    }
    rules.push_back({{"name", rule.name},
                     {"action", rule.action},
                     {"mode", mode_json(rule, kernel)},
                     {"status", status_of(rule)},
                     {"unseen", unseen_by(rule).empty() ? json(nullptr) : json(unseen_by(rule))},
                     {"operations", operations},
                     {"assumed", assumed_of(rule, kernel)},
                     {"remains", remains_of(rule)}});
  }
  return {{"tier", spelling(tier)},
          {"rules", rules},
          {"programs", programs_of(loaded, tier)},
          {"limits", limits_of(programs_of(loaded, tier))},
          {"clauses", {{"used", loaded.plan.clauses.size()}, {"cap", program::kMaxClauses}}}};
}

// --- for people

std::string join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

void print_line(const char* label, const std::string& text) {
  std::printf("    %-8s %s\n", label, outputs::escape(text).c_str());
}

void print_operation(const OperationClauses& operation, const program::Rule& rule, Tier tier) {
  const char* verb = rule.enforcement == "monitored" ? "reports" : rule.action == "kill" ? "kills" : "refuses";
  const std::string name(spelling(operation.operation));
  std::printf("  %s, at %s\n", name.c_str(), join(hooks_of(operation.operation, tier)).c_str());
  for (const KernelUnit& unit : operation.units) {
    for (const KernelClause& clause : unit.clauses) print_line(verb, clause.text(operation.operation));
    for (const KernelClause& veto : unit.vetoes) print_line("unless", veto.text(operation.operation));
  }
}

void print_unseen(const program::Rule& rule) {
  if (!unseen_by(rule).empty()) std::printf("  not seen in this tier: %s\n", outputs::escape(unseen_by(rule)).c_str());
}

void print_rule(const LoadedRules& loaded, std::size_t index, Tier tier) {
  const program::Rule& rule = loaded.program.rules[index];
  const KernelRule* kernel = find_kernel_rule(loaded, index);
  const std::string status = status_of(rule);
  if (!rule.enabled || rule.action == "alert") {
    const bool alerts = status == "alerts";
    std::printf("%s\n  %s: %s\n", outputs::escape(rule.name).c_str(), rule.action.c_str(),
                alerts ? "decided by the engine" : outputs::escape(status).c_str());
    print_unseen(rule);
    return;
  }
  std::printf("%s\n  %s: %s\n", outputs::escape(rule.name).c_str(), rule.action.c_str(), outputs::escape(status).c_str());
  if (kernel != nullptr && rule.decided_in_kernel) {
    for (const OperationClauses& operation : kernel->operations) print_operation(operation, rule, tier);
  }
  print_unseen(rule);
  const std::string assumed = join(assumed_of(rule, kernel));
  if (!assumed.empty()) std::printf("  success is assumed: %s\n", outputs::escape(assumed).c_str());
  std::printf("  engine: %s\n", join(remains_of(rule)).c_str());
}

void print_plan(const LoadedRules& loaded, Tier tier) {
  std::printf("tier %s, host mode enforce: %zu rules, %zu decided in the kernel, %zu of %zu clauses\n\n",
              std::string(spelling(tier)).c_str(), loaded.program.rules.size(), loaded.plan.rules.size(),
              loaded.plan.clauses.size(), program::kMaxClauses);
  for (std::size_t i = 0; i < loaded.program.rules.size(); ++i) print_rule(loaded, i, tier);
  const std::vector<std::string> programs = programs_of(loaded, tier);
  std::printf("\nprograms to attach: %s\n", join(programs).c_str());
  for (const std::string_view limit : limits_of(programs)) std::printf("limit: %s\n", std::string(limit).c_str());
}

}  // namespace

int rules_plan(const Options& options) {
  const Tier tier = options.tier == "tracing" ? Tier::kTracing : Tier::kFull;
  compile::Options compile_options;
  compile_options.plan = {tier, compile::HostMode::kEnforce};
  LoadedRules loaded = load_rules(options.rules, compile_options);
  print_diagnostics(loaded.diagnostics, options.format != "json");
  if (loaded.diagnostics.has_errors()) return kNo;
  compile::assess(loaded.program, {.events = kernel::captured_events(), .generic = kernel::generic_events()});
  if (options.format == "json") {
    std::puts(plan_json(loaded, tier).dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  } else {
    print_plan(loaded, tier);
  }
  return kDone;
}

}  // namespace shrike::app
