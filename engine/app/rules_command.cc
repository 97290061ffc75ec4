// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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

// What `rules show` prints of a rule.
struct ShownRule {
  const program::Rule& compiled;
  const lang::Rule& written;
};

json shown_json(const ShownRule& rule) {
  return {{"name", rule.compiled.name},
          {"condition", rule.written.condition.value()},
          {"condition_compiled", rule.compiled.condition},
          {"events", event_names(rule.compiled)},
          {"fields", rule.compiled.condition_fields},
          {"output", rule.written.output.value()},
          {"priority", program::priority_name(rule.compiled.priority)},
          {"tags", rule.compiled.tags},
          {"source", rule.compiled.source},
          {"enabled", rule.compiled.enabled},
          {"action", rule.compiled.action},
          {"mode", rule.compiled.mode.empty() ? json(nullptr) : json(rule.compiled.mode)}};
}

void print_shown(const ShownRule& rule, bool compiled) {
  const auto line = [](std::string_view key, std::string_view value) {
    std::string one_line(value);
    std::ranges::replace(one_line, '\n', ' ');
    std::printf("  %s: %s\n", std::string(key).c_str(), lang::harmless_text(one_line).c_str());
  };
  const auto list = [&](std::string_view key, const auto& values) {
    std::string all;
    for (const auto& value : values) all += (all.empty() ? "" : ", ") + std::string(value);
    line(key, '[' + all + ']');
  };
  std::printf("- rule: %s\n", lang::harmless_text(rule.compiled.name).c_str());
  line("condition", rule.written.condition.trimmed().value());
  if (compiled) line("condition_compiled", rule.compiled.condition);
  list("events", event_names(rule.compiled).get<std::vector<std::string>>());
  list("fields", rule.compiled.condition_fields);
  line("output", rule.written.output.trimmed().value());
  line("priority", program::priority_name(rule.compiled.priority));
  list("tags", rule.compiled.tags);
  line("source", rule.compiled.source);
  line("enabled", rule.compiled.enabled ? "true" : "false");
  line("action", rule.compiled.action);
  line("mode", rule.compiled.mode.empty() ? "host" : rule.compiled.mode);
}

int no_such_rule(const std::string& name, const lang::RuleSet& set) {
  std::vector<std::string_view> names;
  names.reserve(set.rules.size());
  for (const lang::Rule& rule : set.rules) names.push_back(rule.name);
  const std::string_view near = lang::nearest(name, names);
  const std::string hint = near.empty() ? "" : "did you mean \"" + std::string(near) + "\"?";
  const lang::Diagnostic found{lang::Severity::kError, {}, "no rule of the name \"" + name + '"', hint, {}, {}, {}};
  std::fputs((lang::format(found) + '\n').c_str(), stderr);
  return kNo;
}

// Rules that files define and the program does not have: of these a listing says why they are missing.
void print_skipped(const lang::Diagnostics& diagnostics) {
  for (const lang::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.code == "LOAD_UNKNOWN_SOURCE" || diagnostic.code == "LOAD_UNKNOWN_FILTER")
      std::fputs((lang::format(diagnostic) + '\n').c_str(), stderr);
  }
}

}  // namespace

void print_diagnostics(const lang::Diagnostics& diagnostics, bool warnings) {
  for (const lang::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == lang::Severity::kError || warnings) std::fputs((lang::format(diagnostic) + '\n').c_str(), stderr);
  }
}

int rules_check(const Options& options) {
  const LoadedRules loaded = load_rules(options.rules, {.normal_forms = false});
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
  const LoadedRules loaded = load_rules(options.rules, {.normal_forms = false});
  print_diagnostics(loaded.diagnostics, false);
  if (loaded.diagnostics.has_errors()) return kNo;
  print_skipped(loaded.diagnostics);
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

int rules_show(const Options& options) {
  LoadedRules loaded = load_rules(options.rules, {});
  print_diagnostics(loaded.diagnostics, false);
  if (loaded.diagnostics.has_errors()) return kNo;
  print_skipped(loaded.diagnostics);
  json list = json::array();
  bool any = false;
  for (const program::Rule& rule : loaded.program.rules) {
    if (!options.rule.empty() && rule.name != options.rule) continue;
    any = true;
    const ShownRule shown{rule, *loaded.set.find_rule(rule.name)};
    if (options.format == "json") {
      list.push_back(shown_json(shown));
    } else {
      print_shown(shown, options.compiled);
    }
  }
  if (!any && !options.rule.empty()) return no_such_rule(options.rule, loaded.set);
  if (options.format == "json") print({{"rules", list}});
  return kDone;
}

}  // namespace shrike::app
