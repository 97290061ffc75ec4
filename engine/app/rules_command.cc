// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/app/commands.h"
#include "engine/app/load_rules.h"
#include "outputs/format.h"

namespace shrike::app {
namespace {

using nlohmann::json;

void print(const json& value) { std::puts(value.dump(-1, ' ', false, json::error_handler_t::replace).c_str()); }

json to_json(const lang::Diagnostic& diagnostic) {
  return {{"code", diagnostic.code},          {"message", diagnostic.message},        {"file", diagnostic.position.file},
          {"line", diagnostic.position.line}, {"column", diagnostic.position.column}, {"item", diagnostic.item}};
}

json event_names(const program::Rule& rule) {
  json names = json::array();
  if (rule.any_event) {
    names.push_back("any");
    return names;
  }
  for (std::size_t type = 1; type < event::event_types().size(); ++type) {
    if (rule.events.test(type)) names.push_back(event::event_types()[type].name);
  }
  return names;
}

}  // namespace

void print_diagnostics(const lang::Diagnostics& diagnostics, bool warnings) {
  for (const lang::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == lang::Severity::kError || warnings) std::fputs((lang::format(diagnostic) + '\n').c_str(), stderr);
  }
}

int rules_check(const Options& options) {
  const LoadedRules loaded = load_rules(options.rules, {});
  const bool ok = !loaded.diagnostics.has_errors();
  if (options.format == "json") {
    json result{{"ok", ok}, {"files", loaded.files}, {"errors", json::array()}, {"warnings", json::array()}};
    for (const lang::Diagnostic& diagnostic : loaded.diagnostics.all()) {
      result[diagnostic.severity == lang::Severity::kError ? "errors" : "warnings"].push_back(to_json(diagnostic));
    }
    print(result);
    return ok ? kDone : kNo;
  }
  print_diagnostics(loaded.diagnostics, true);
  const std::size_t warnings = loaded.diagnostics.all().size() - loaded.diagnostics.error_count();
  if (ok) {
    std::printf("ok: %zu rules in %zu files, %zu warnings\n", loaded.program.rules.size(), loaded.files.size(), warnings);
  } else {
    std::printf("invalid: %zu errors, %zu warnings\n", loaded.diagnostics.error_count(), warnings);
  }
  return ok ? kDone : kNo;
}

int rules_list(const Options& options) {
  const LoadedRules loaded = load_rules(options.rules, {});
  print_diagnostics(loaded.diagnostics, false);
  if (loaded.diagnostics.has_errors()) return kNo;
  json list = json::array();
  for (const program::Rule& rule : loaded.program.rules) {
    const json events = event_names(rule);
    if (options.format == "json") {
      list.push_back({{"name", rule.name},
                      {"priority", program::priority_name(rule.priority)},
                      {"enabled", rule.enabled},
                      {"action", rule.action},
                      {"mode", rule.mode.empty() ? json(nullptr) : json(rule.mode)},
                      {"events", events}});
      continue;
    }
    std::string names;
    for (const json& name : events) names += (names.empty() ? "" : ",") + name.get<std::string>();
    std::printf("%-50s %-13s %-8s %-5s %-7s %s\n", outputs::escape(rule.name).c_str(),
                std::string(program::priority_name(rule.priority)).c_str(), rule.enabled ? "enabled" : "disabled",
                rule.action.c_str(), rule.mode.empty() ? "host" : rule.mode.c_str(), names.empty() ? "none" : names.c_str());
  }
  if (options.format == "json") print({{"rules", list}});
  return kDone;
}

}  // namespace shrike::app
