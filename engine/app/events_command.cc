// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/app/commands.h"
#include "engine/event/event_type.h"
#include "engine/event/params.h"
#include "engine/kernel/capture_plan.h"

namespace shrike::app {
namespace {

using event::EventType;
using event::EventTypeInfo;
using event::Param;
using nlohmann::json;

// Whether the engine sees it; both tiers do, or none. By name: without its parameters and result.
std::string_view captured_text(EventType type) {
  if (kernel::captured_events().test(event::index(type))) return "yes";
  return kernel::generic_events().test(event::index(type)) ? "by name only" : "no";
}

// Has it a row of its own in the document?
bool has_row(EventType type, const EventTypeInfo& info) { return !info.params.empty() || captured_text(type) == "yes"; }

std::string params_text(EventType type, const EventTypeInfo& info, bool markdown) {
  const bool any = captured_text(type) == "yes";
  std::string text;
  for (const Param& param : info.params) {
    text += (text.empty() ? "" : ", ") + std::string(param.name) + ' ';
    text += markdown ? '*' + std::string(spelling(param.kind)) + '*' : std::string(spelling(param.kind));
    if (any && !event::is_captured(type, param)) text += " (not captured)";
  }
  return text;
}

json params_json(EventType type, const EventTypeInfo& info) {
  json all = json::array();
  for (const Param& param : info.params) {
    all.push_back({{"name", param.name}, {"kind", spelling(param.kind)}, {"captured", event::is_captured(type, param)}});
  }
  return all;
}

// The names of events without a row, comma-joined.
std::string bare_names(bool syscalls, std::string_view captured) {
  std::string text;
  for (std::size_t i = 1; i < event::event_types().size(); ++i) {
    const EventTypeInfo& info = event::event_types()[i];
    const auto type = static_cast<EventType>(i);
    if (has_row(type, info) || info.is_syscall != syscalls || captured_text(type) != captured) continue;
    text += (text.empty() ? "`" : ", `") + std::string(info.name) + '`';
  }
  return text;
}

void print_markdown() {
  std::puts("| event | captured | parameters |\n| --- | --- | --- |");
  for (std::size_t i = 1; i < event::event_types().size(); ++i) {
    const EventTypeInfo& info = event::event_types()[i];
    const auto type = static_cast<EventType>(i);
    if (!has_row(type, info)) continue;
    std::printf("| `%s` | %s | %s |\n", std::string(info.name).c_str(), std::string(captured_text(type)).c_str(),
                params_text(type, info, true).c_str());
  }
  std::printf("\nCalls without parameters of their own, captured by name only, for rules that name them: %s.\n",
              bare_names(true, "by name only").c_str());
  std::printf("\nCalls without parameters of their own, not captured: %s.\n", bare_names(true, "no").c_str());
  std::printf("\nNames of events that are no calls, without parameters, not captured: %s.\n", bare_names(false, "no").c_str());
}

}  // namespace

int print_events(const Options& options) {
  if (options.format == "markdown") {
    print_markdown();
    return kDone;
  }
  json all = json::array();
  for (std::size_t i = 1; i < event::event_types().size(); ++i) {
    const EventTypeInfo& info = event::event_types()[i];
    const auto type = static_cast<EventType>(i);
    if (options.format == "json") {
      all.push_back({{"name", info.name},
                     {"syscall", info.is_syscall},
                     {"captured", captured_text(type)},
                     {"params", params_json(type, info)}});
    } else {
      std::printf("%-28s %-26s %s\n", std::string(info.name).c_str(), std::string(captured_text(type)).c_str(),
                  params_text(type, info, false).c_str());
    }
  }
  if (options.format == "json") std::puts(all.dump().c_str());
  return kDone;
}

}  // namespace shrike::app
