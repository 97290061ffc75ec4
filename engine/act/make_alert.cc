// SPDX-License-Identifier: Apache-2.0
#include "engine/act/make_alert.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sys/random.h>
#include <utility>

#include "engine/act/facts.h"
#include "engine/base/base64.h"
#include "engine/event/gaps.h"
#include "engine/event/times.h"

namespace shrike::act {
namespace {

// What one alert is made from.
struct Source {
  const program::Program& program;
  const event::Event& event;
  const event::Context& context;
  const SlotValue& value;
};

std::string text_of(const Source& from, std::uint32_t slot) {
  const program::Slot& of = from.program.slots[slot];
  const event::Value& value = from.value(slot);
  if (!value.absent() && of.use.field != nullptr) {
    if (from.context.base64_buffers && of.use.field->type == event::Type::kBuffer) return encode_base64(event::to_text(value));
    if (from.context.iso_time && of.use.field->name == "evt.time") return event::iso_time_text(from.event.time_ns, "+0000");
  }
  return program::value_text(of, value);
}

// Of output_fields: they are fields, never calls.
FieldValue typed(const Source& from, std::uint32_t slot) {
  const event::Field& field = *from.program.slots[slot].use.field;
  const event::Value& value = from.value(slot);
  if (value.absent()) return std::monostate{};
  if (field.display != event::Display::kDecimal) return text_of(from, slot);
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  if (const auto* list = std::get_if<event::ValueList>(&value.data); list != nullptr && field.has(event::kList)) {
    std::vector<std::string> items;
    items.reserve(list->count);
    for (const event::Value& item : *list) items.push_back(event::to_text(item));
    return items;
  }
  return text_of(from, slot);
}

std::string render(const Source& from, const std::vector<program::OutputPart>& parts) {
  std::string all;
  for (const program::OutputPart& part : parts) {
    if (!part.slot) {
      all += from.program.texts[part.text];
      continue;
    }
    std::string text = text_of(from, *part.slot);
    if (part.width != 0) text.resize(part.width, ' ');
    all += text;
  }
  return all;
}

std::string field_value_text(const FieldValue& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "<NA>"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return event::to_text(event::Value(number)); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const std::vector<std::string>& texts) const {
      std::string all;
      for (const std::string& text : texts) all += (all.empty() ? "" : " ") + text;
      return all;
    }
  };
  return std::visit(Visitor{}, value);
}

// The event's other names as an array, be they asked for in the output or not.
void add_names(Alert& alert, const event::Event& event) {
  if (event.names.empty()) return;
  static constexpr std::string_view kKey = "fd.names";
  std::vector<std::string> names(event.names.begin(), event.names.end());
  const auto shown = std::ranges::find(alert.fields, kKey, &std::pair<std::string, FieldValue>::first);
  if (shown != alert.fields.end()) {
    shown->second = std::move(names);
  } else {
    alert.fields.emplace_back(kKey, std::move(names));
  }
}

}  // namespace

Alert make_alert(const program::Program& program, const program::Rule& rule, const event::Event& event,
                 const event::Context& context, const SlotValue& value) {
  Alert alert;
  alert.time_ns = event.time_ns;
  alert.priority = rule.priority;
  alert.rule = rule.name;
  alert.source = rule.source;
  alert.tags = rule.tags;
  alert.hostname = context.hostname;
  alert.id = uuid_v7(event.time_ns);
  alert.verdict = "alert";
  const Source from{program, event, context, value};
  alert.message = render(from, rule.output);
  alert.fields.reserve(rule.output_fields.size());
  for (const program::OutputField& field : rule.output_fields) {
    alert.fields.emplace_back(program.texts[field.key],
                              field.format ? FieldValue(render(from, program.formats[*field.format])) : typed(from, field.slot));
  }
  add_names(alert, event);
  if (std::string gaps = event::gaps_text(event::all_gaps(event)); !gaps.empty()) {
    alert.message += " incomplete=" + gaps;
    alert.fields.emplace_back("shrike.incomplete", std::move(gaps));
  }
  if (context.facts) alert.facts = facts_of(event, context);
  return alert;
}

Alert make_notice(std::string rule, std::uint8_t priority, std::string message,
                  std::vector<std::pair<std::string, FieldValue>> fields, std::uint64_t time_ns, const std::string& hostname) {
  Alert alert;
  alert.time_ns = time_ns;
  alert.priority = priority;
  alert.rule = std::move(rule);
  alert.source = "internal";
  alert.message = std::move(message);
  alert.message += " (";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    alert.message += (i == 0 ? "" : " ") + fields[i].first + '=' + field_value_text(fields[i].second);
  }
  alert.message += ')';
  alert.fields = std::move(fields);
  alert.hostname = hostname;
  alert.id = uuid_v7(time_ns);
  return alert;
}

std::string uuid_v7(std::uint64_t epoch_ns) {
  std::array<unsigned char, 16> bytes{};
  // Early in boot getrandom could block or fail; then the id is less random, not absent.
  if (getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK) < 0) bytes.fill(0);
  const std::uint64_t milliseconds = epoch_ns / 1'000'000;
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(milliseconds >> (40 - 8 * i));
  bytes[6] = static_cast<unsigned char>(0x70U | (bytes[6] & 0x0fU));
  bytes[8] = static_cast<unsigned char>(0x80U | (bytes[8] & 0x3fU));
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", bytes[0],
                bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9], bytes[10], bytes[11],
                bytes[12], bytes[13], bytes[14], bytes[15]);
  return text.data();
}

}  // namespace shrike::act
