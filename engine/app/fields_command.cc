// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/app/commands.h"
#include "engine/event/field.h"
#include "engine/event/semantics.h"

namespace shrike::app {
namespace {

using event::Field;
using nlohmann::json;

std::string argument_text(event::ArgumentKind kind) {
  switch (kind) {
    case event::ArgumentKind::kNone:
      return "";
    case event::ArgumentKind::kOptionalIndex:
      return "[N] optional";
    case event::ArgumentKind::kOptionalKey:
      return "[KEY] optional";
    case event::ArgumentKind::kRequiredKey:
      return "[KEY]";
    case event::ArgumentKind::kParameter:
      return ".NAME or [N]";
  }
  return "";
}

std::string flags_text(const Field& field) {
  std::string text;
  if (field.has(event::kConditionOnly)) text += "condition only";
  if (field.has(event::kDeprecated)) text += text.empty() ? "deprecated" : ", deprecated";
  return text;
}

// The rows of the semantics table for a field: where it is less, or more, than its origin promises.
json notes(std::string_view name) {
  json rows = json::array();
  for (const event::Semantics& row : event::semantics()) {
    if (row.fields != name && !(name == "evt.arg" && row.fields.starts_with("evt.arg."))) continue;
    rows.push_back({{"field", row.fields},
                    {"moment", spelling(row.moment)},
                    {"tier", spelling(row.tier)},
                    {"knowledge", spelling(row.knowledge)},
                    {"note", row.note}});
  }
  return rows;
}

}  // namespace

int print_fields(const Options& options) {
  json all = json::array();
  if (options.format == "markdown") std::puts("| field | type | argument | from | meaning |\n| --- | --- | --- | --- | --- |");
  for (const Field& field : event::fields()) {
    const std::string name(field.name), type(event::spelling(field.type)), origin(event::spelling(field.origin)),
        meaning(field.meaning);
    const std::string argument = argument_text(field.argument), flags = flags_text(field);
    if (options.format == "json") {
      all.push_back({{"name", name},
                     {"type", type},
                     {"argument", argument},
                     {"from", origin},
                     {"meaning", meaning},
                     {"condition_only", field.has(event::kConditionOnly)},
                     {"semantics", notes(field.name)}});
    } else if (options.format == "markdown") {
      std::printf("| `%s` | %s | %s | %s | %s%s |\n", name.c_str(), type.c_str(), argument.c_str(), origin.c_str(),
                  meaning.c_str(), flags.empty() ? "" : (" (" + flags + ")").c_str());
    } else {
      std::printf("%-38s %-9s %-15s %-14s %s%s\n", name.c_str(), type.c_str(), argument.c_str(), origin.c_str(), meaning.c_str(),
                  flags.empty() ? "" : (" (" + flags + ")").c_str());
    }
  }
  if (options.format == "markdown") {
    std::puts("\n| field | when | tier | known | note |\n| --- | --- | --- | --- | --- |");
    for (const event::Semantics& row : event::semantics()) {
      std::printf("| `%s` | %s | %s | %s | %s |\n", std::string(row.fields).c_str(), std::string(spelling(row.moment)).c_str(),
                  std::string(spelling(row.tier)).c_str(), std::string(spelling(row.knowledge)).c_str(),
                  std::string(row.note).c_str());
    }
  }
  if (options.format == "json") std::puts(all.dump().c_str());
  return kDone;
}

}  // namespace shrike::app
