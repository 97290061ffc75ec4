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
    case event::ArgumentKind::kRequiredIndex:
      return "[N]";
    case event::ArgumentKind::kOptionalKey:
      return "[KEY] optional";
    case event::ArgumentKind::kRequiredKey:
      return "[KEY]";
    case event::ArgumentKind::kParameter:
      return ".NAME or [N]";
    case event::ArgumentKind::kRawParameter:
    case event::ArgumentKind::kEventType:
    case event::ArgumentKind::kSuffix:
      return ".NAME";
    case event::ArgumentKind::kOptionalSuffix:
      return ".src or .dst, optional";
  }
  return "";
}

// "uint32", "list of string".
std::string type_text(const Field& field) {
  if (field.argument == event::ArgumentKind::kRawParameter) return "the parameter's";
  std::string text(event::spelling(field.type));
  if (field.bits != 64) text += std::to_string(field.bits);
  return field.has(event::kList) ? "list of " + text : text;
}

struct FlagText {
  std::string_view key, words;
  bool (*is)(const Field&);
};
constexpr FlagText kFlags[] = {
    {"condition_only", "condition only", [](const Field& f) { return f.has(event::kConditionOnly); }},
    {"output_only", "for outputs", [](const Field& f) { return f.listing == event::Listing::kOutputOnly; }},
    {"no_rhs", "not in val()", [](const Field& f) { return f.has(event::kNoRhs); }},
    {"no_transform", "not in transformers", [](const Field& f) { return f.has(event::kNoTransform); }},
    {"any_of_several", "any of several", [](const Field& f) { return f.has(event::kExistential) || f.has(event::kBothEnds); }},
    {"list", "", [](const Field& f) { return f.has(event::kList); }},
    {"deprecated", "deprecated", [](const Field& f) { return f.has(event::kDeprecated) || f.origin == event::Origin::kNothing; }},
    {"hidden", "hidden", [](const Field& f) { return f.listing == event::Listing::kHidden; }},
};

// Where all are meant, `brief` leaves out what conditions rarely meet.
std::string flags_text(const Field& field, bool brief) {
  std::string text;
  for (const FlagText& flag : kFlags) {
    if (flag.words.empty() || !flag.is(field) || (brief && flag.key.starts_with("no_"))) continue;
    text += (text.empty() ? "" : ", ") + std::string(flag.words);
  }
  return text.empty() ? text : " (" + text + ')';
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

// How the kernel decides checks of a row's field.
std::string decided_text(const event::Decision& row) {
  switch (row.decided) {
    case event::Decided::kSuccess:
      return "what asks for success is true";
    case event::Decided::kAlready:
      return "known before";
    case event::Decided::kValue:
      break;
  }
  return std::string(row.operators) + (row.always_present ? " exists" : "");
}

bool is_of(const event::Decision& row, std::string_view field) {
  return row.field == field || (row.field.starts_with(field) && row.field.substr(field.size()).starts_with('['));
}

json decisions(std::string_view field) {
  json rows = json::array();
  for (const event::Decision& row : event::decisions()) {
    if (!is_of(row, field)) continue;
    rows.push_back(
        {{"field", row.field}, {"operations", event::hooks_text(row.hooks)}, {"decided", decided_text(row)}, {"note", row.note}});
  }
  return rows;
}

// Where block and kill rules can use it: "exec, open".
std::string decided_where(std::string_view field) {
  for (const event::Decision& row : event::decisions()) {
    if (row.field == field) return event::hooks_text(row.hooks);
  }
  return {};
}

void print_decisions() {
  std::puts(
      "\nWhat the kernel decides `block` and `kill` rules by, before the thing happens. In the tracing tier it refuses connect,");
  std::puts("send and bind only; rules with `kill` are decided at exec and open too, after the fact.\n");
  std::puts("| field | operations | decided | note |\n| --- | --- | --- | --- |");
  for (const event::Decision& row : event::decisions()) {
    std::printf("| `%s` | %s | %s | %s |\n", std::string(row.field).c_str(), event::hooks_text(row.hooks).c_str(),
                decided_text(row).c_str(), std::string(row.note).c_str());
  }
}

}  // namespace

int print_fields(const Options& options) {
  json all = json::array();
  if (options.format == "markdown") std::puts("| field | type | argument | from | meaning |\n| --- | --- | --- | --- | --- |");
  for (const Field& field : event::fields()) {
    const std::string name(field.name), type = type_text(field), origin(event::spelling(field.origin)), meaning(field.meaning);
    const std::string argument = argument_text(field.argument);
    if (options.format == "json") {
      json row = {{"name", name},
                  {"type", type},
                  {"argument", argument},
                  {"from", origin},
                  {"meaning", meaning},
                  {"semantics", notes(field.name)},
                  {"kernel", decisions(field.name)}};
      for (const FlagText& flag : kFlags) row[flag.key] = flag.is(field);
      all.push_back(std::move(row));
    } else if (options.format == "markdown") {
      std::printf("| `%s` | %s | %s | %s | %s%s |\n", name.c_str(), type.c_str(), argument.c_str(), origin.c_str(),
                  meaning.c_str(), flags_text(field, false).c_str());
    } else if (options.all || field.listing != event::Listing::kHidden) {
      const std::string where = decided_where(field.name);
      std::printf("%-38s %-15s %-15s %-14s %s%s%s\n", name.c_str(), type.c_str(), argument.c_str(), origin.c_str(),
                  meaning.c_str(), flags_text(field, true).c_str(),
                  where.empty() ? "" : (" [kernel decides: " + where + "]").c_str());
    }
  }
  if (options.format == "markdown") {
    std::puts("\n| field | when | tier | known | note |\n| --- | --- | --- | --- | --- |");
    for (const event::Semantics& row : event::semantics()) {
      std::printf("| `%s` | %s | %s | %s | %s |\n", std::string(row.fields).c_str(), std::string(spelling(row.moment)).c_str(),
                  std::string(spelling(row.tier)).c_str(), std::string(spelling(row.knowledge)).c_str(),
                  std::string(row.note).c_str());
    }
    print_decisions();
  }
  if (options.format == "json") std::puts(all.dump().c_str());
  return kDone;
}

}  // namespace shrike::app
