// SPDX-License-Identifier: Apache-2.0
#include "outputs/format.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/event/times.h"

namespace shrike::outputs {
namespace {

using nlohmann::json;

constexpr std::string_view kPriorities[] = {"Emergency", "Alert",  "Critical",      "Error",
                                            "Warning",   "Notice", "Informational", "Debug"};

std::string_view priority_name(std::uint8_t priority) { return kPriorities[priority < 8 ? priority : 7]; }

std::string prefix(const act::Alert& alert, const FormatOptions& options) {
  const std::string time =
      options.iso_time ? event::iso_time_text(alert.time_ns, "+0000") : event::local_time_text(alert.time_ns);
  return time + ": " + std::string(priority_name(alert.priority)) + ' ';
}

// Code points a terminal acts on, or that turn the order of what is read around: C1, direction marks and overrides, separators.
bool drives_terminal(char32_t c) {
  return c == 0x7f || (c >= 0x80 && c <= 0x9f) || c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

// The JSON text with those code points as \uXXXX. They stand in strings only, so it stays the same JSON.
std::string defuse(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    char32_t c = length == 1 ? byte : byte & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
      c = c << 6U | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    if (drives_terminal(c)) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escaped.data();
    } else {
      out.append(text, i, length);
    }
    i += length;
  }
  return out;
}

std::string dump(const json& value) { return defuse(value.dump(-1, ' ', false, json::error_handler_t::replace)); }

json field_json(const act::FieldValue& value) {
  return std::visit(
      [](const auto& v) -> json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>) {
          return nullptr;
        } else {
          return v;
        }
      },
      value);
}

}  // namespace

std::string escape(std::string_view text) {
  std::string quoted = dump(json(text));
  return quoted.substr(1, quoted.size() - 2);
}

std::string format_alert(const act::Alert& alert, const FormatOptions& options) {
  const std::string line = prefix(alert, options) + alert.message;
  if (options.format == Format::kText) return escape(line);

  json object = {
      {"hostname", alert.hostname}, {"id", alert.id},         {"priority", priority_name(alert.priority)},
      {"rule", alert.rule},         {"source", alert.source}, {"time", event::iso_time_text(alert.time_ns, "Z")},
  };
  if (options.include_output) object["output"] = line;
  if (options.include_message) object["message"] = alert.message;
  if (options.include_fields) {
    json fields = json::object();
    for (const auto& [key, value] : alert.fields) fields[key] = field_json(value);
    fields["evt.time"] = alert.time_ns;
    // The field that stands in front of `output`.
    if (options.iso_time) fields["evt.time.iso8601"] = alert.time_ns;
    object["output_fields"] = std::move(fields);
  }
  if (options.include_tags && alert.source != "internal") object["tags"] = alert.tags;
  if (!alert.verdict.empty()) object["verdict"] = alert.verdict;
  if (!alert.verdict.empty() && alert.verdict != "alert") {
    object["hook"] = alert.hook;
    object["errno"] = alert.error_number;
    object["generation"] = alert.generation;
  }
  return dump(object);
}

}  // namespace shrike::outputs
