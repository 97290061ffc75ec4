// SPDX-License-Identifier: Apache-2.0
// JSON schemas for editors. They describe shape: what a condition or a field says, `rules check` and `test` judge.
#include <cstdio>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/commands.h"
#include "engine/app/config_print.h"
#include "engine/app/event_file.h"
#include "engine/event/field.h"

namespace shrike::app {
namespace {

using nlohmann::json;

// YAML's spellings of a number or a boolean count as texts too: items: [80, yes].
json scalar() { return {{"type", {"string", "number", "boolean"}}}; }
json text(std::string_view description) { return {{"type", "string"}, {"minLength", 1}, {"description", description}}; }
json flag(std::string_view description) { return {{"type", "boolean"}, {"description", description}}; }
json list_of(json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
json one_of(std::initializer_list<std::string_view> words) { return {{"enum", std::vector<std::string_view>(words)}}; }
json scalar_or_list() { return {{"anyOf", {scalar(), list_of(scalar())}}}; }

json object(json properties, const std::vector<std::string_view>& required = {}) {
  json all = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) all["required"] = required;
  return all;
}

json schema(std::string_view title, json body) {
  body["$schema"] = "http://json-schema.org/draft-07/schema#";
  body["title"] = title;
  return body;
}

// What override may do with each key.
json overrides(std::initializer_list<std::string_view> both, std::initializer_list<std::string_view> replaced = {}) {
  json keys = json::object();
  for (const std::string_view key : both) keys[key] = one_of({"append", "replace"});
  for (const std::string_view key : replaced) keys[key] = one_of({"replace"});
  json all = object(std::move(keys));
  all["description"] = "what each key given here does to the definition before";
  return all;
}

// Severities in any case.
json priority() {
  std::string pattern;
  for (const std::string_view word :
       {"emergency", "alert", "critical", "error", "warning", "notice", "info", "informational", "debug"}) {
    pattern += pattern.empty() ? "^(" : "|";
    for (const char c : word) pattern += std::string("[") + static_cast<char>(c - 'a' + 'A') + c + ']';
  }
  json upper = one_of({"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG"});
  return {{"anyOf", {std::move(upper), {{"type", "string"}, {"pattern", pattern + ")$"}}}}, {"description", "severity"}};
}

json exception() {
  json all = object({{"name", text("unique in the rule")},
                     {"fields", scalar_or_list()},
                     {"comps", scalar_or_list()},
                     {"values", list_of({{"anyOf", {scalar(), list_of(scalar_or_list())}}})}},
                    {"name"});
  all["description"] = "what the rule does not alert on: one check per field";
  return all;
}

json rule() {
  json all = object({{"rule", text("name, unique")},
                     {"desc", {{"type", "string"}}},
                     {"condition", text("when it fires")},
                     {"output", text("message of the alert; %field stands for the field's value")},
                     {"priority", priority()},
                     {"source", {{"type", {"string", "null"}}, {"default", "syscall"}}},
                     {"enabled", flag("false: checked, but not evaluated")},
                     {"capture", flag("start an event capture when the rule fires")},
                     {"capture_duration", {{"type", "integer"}, {"minimum", 0}, {"maximum", 4294967295U}, {"description", "ms"}}},
                     {"warn_evttypes", flag("false: no warning if the rule is not restricted to few events")},
                     {"skip-if-unknown-filter", flag("true: an unknown field or event drops the rule with a warning")},
                     {"tags", list_of(scalar())},
                     {"exceptions", {{"type", {"array", "null"}}, {"items", exception()}}},
                     {"action", one_of({"alert", "block", "kill"})},
                     {"mode", one_of({"monitor", "enforce"})},
                     {"append", flag("deprecated: use override")},
                     {"override", overrides({"condition", "output", "desc", "tags", "exceptions"},
                                            {"priority", "capture", "capture_duration", "enabled", "warn_evttypes",
                                             "skip-if-unknown-filter", "action", "mode"})}},
                    {"rule"});
  // A definition; a change to one; or the old form that only switches one on or off.
  all["anyOf"] = json::array({{{"required", {"condition", "output", "desc", "priority"}}},
                              {{"required", {"override"}}},
                              {{"required", {"append"}}},
                              {{"required", {"enabled"}}}});
  return all;
}

json macro() {
  return object({{"macro", {{"type", "string"}, {"pattern", "^[a-zA-Z][a-zA-Z0-9_]*$"}}},
                 {"condition", text("what the name stands for")},
                 {"append", flag("deprecated: use override")},
                 {"override", overrides({"condition"})}},
                {"macro", "condition"});
}

json list() {
  return object({{"list", {{"type", "string"}, {"pattern", "^[^()\"'\\s=,]+$"}}},
                 {"items", list_of(scalar())},
                 {"append", flag("deprecated: use override")},
                 {"override", overrides({"items"})}},
                {"list", "items"});
}

json plugins() {
  const json version = {{"name", text("plugin")}, {"version", text("x.y.z")}};
  json entry = version;
  entry["alternatives"] = list_of(object(version, {"name", "version"}));
  return object({{"required_plugin_versions", list_of(object(std::move(entry), {"name", "version"}))}},
                {"required_plugin_versions"});
}

json engine() {
  return object(
      {{"required_engine_version",
        {{"anyOf", {{{"type", "integer"}, {"minimum", 0}}, {{"type", "string"}, {"pattern", "^[0-9]+\\.[0-9]+\\.[0-9]+"}}}}}}},
      {"required_engine_version"});
}

json rule_file() {
  json all = list_of({{"anyOf", {rule(), macro(), list(), engine(), plugins(), {{"type", "null"}}}}});
  all["type"] = {"array", "null"};
  return schema("Shrike rule file", std::move(all));
}

// A field's value as event files have it. In suites, which are YAML, a text may look like a number.
json value_of(const event::Field& field, bool yaml) {
  const json plain = yaml ? scalar() : json{{"type", "string"}};
  json one;
  switch (field.type) {
    case event::Type::kInt:
    case event::Type::kUint:
    case event::Type::kTime:
    case event::Type::kDuration:
    case event::Type::kPort:
      one = {{"type", "integer"}, {"minimum", field.min()}, {"maximum", field.max()}};
      break;
    case event::Type::kDouble:
      one = {{"type", "number"}};
      break;
    case event::Type::kBool:
      one = {{"type", "boolean"}};
      break;
    case event::Type::kString:
    case event::Type::kBuffer:
      one = {{"anyOf", {plain, {{"$ref", "#/definitions/bytes"}}}}};
      break;
    case event::Type::kIp:
    case event::Type::kNet:
      one = plain;
      break;
    case event::Type::kOpaque:
      one = json::object();  // evt.rawarg.NAME: as the parameter
      break;
  }
  if (field.has(event::kExistential) || field.has(event::kBothEnds) || field.has(event::kList))
    return {{"anyOf", {one, list_of(one)}}};
  return one;
}

std::string escaped(std::string_view name) {
  std::string pattern;
  for (const char c : name) pattern += c == '.' ? std::string("\\.") : std::string(1, c);
  return pattern;
}

// evt.time is epoch ns in event files.
json event_object(bool yaml) {
  json plain = json::object(), with_argument = json::object();
  for (const event::Field& field : event::fields()) {
    json value = value_of(field, yaml);
    if (field.name == "evt.time") value = {{"type", "integer"}, {"minimum", 0}};
    value["description"] = field.meaning;
    if (field.argument != event::ArgumentKind::kNone) with_argument['^' + escaped(field.name) + "(\\[.*\\]|\\..+)$"] = value;
    plain[field.name] = std::move(value);
  }
  json all = object(std::move(plain));
  if (!yaml) with_argument["^shrike\\."] = json::object();  // marks of a recording
  all["patternProperties"] = std::move(with_argument);
  return all;
}

json definitions(bool yaml) {
  return {{"bytes", object({{"base64", {{"type", "string"}}}}, {"base64"})}, {"event", event_object(yaml)}};
}

json event_file() {
  json lost = object({{"lost", {{"type", "integer"}, {"minimum", 0}}}, {"hook", {{"type", "string"}}}}, {"lost"});
  const json texts = list_of({{"type", "string"}});
  json rules = object({{"recording", {{"const", kRecordingVersion}}}, {"inactive", texts}, {"decided", texts}}, {"recording"});
  json all = {{"anyOf", {{{"$ref", "#/definitions/event"}}, std::move(lost), std::move(rules)}},
              {"definitions", definitions(false)}};
  return schema("One line of a Shrike event file", std::move(all));
}

json suite() {
  const json verdict = one_of({"alert", "block", "kill", "blocked", "killed", "would_block", "would_kill"});
  json alert = object({{"rule", text("which rule")},
                       {"verdict", verdict},
                       {"output_fields", {{"type", "object"}, {"description", "fields that must have these values"}}}},
                      {"rule"});
  const json event = {{"$ref", "#/definitions/event"}};
  json one = object({{"name", text("what the case shows")},
                     {"event", event},
                     {"events", list_of(event)},
                     {"alerts", list_of(std::move(alert))},
                     {"verdict", verdict}},
                    {"name"});
  one["anyOf"] = json::array({{{"required", {"alerts"}}}, {{"required", {"verdict"}}}});
  one["oneOf"] = json::array({{{"required", {"event"}}}, {{"required", {"events"}}}});
  json all = object({{"rules", list_of(text("rule file or directory, relative to the suite"))},
                     {"matching", one_of({"first", "all"})},
                     {"cases", list_of(std::move(one))}},
                    {"rules", "cases"});
  all["definitions"] = definitions(true);
  return schema("Shrike test suite", std::move(all));
}

}  // namespace

int print_schema(const Options& options) {
  const json all = options.schema == "suite"    ? suite()
                   : options.schema == "config" ? config_schema()
                   : options.schema == "events" ? event_file()
                                                : rule_file();
  std::puts(all.dump(2).c_str());
  return kDone;
}

}  // namespace shrike::app
