// SPDX-License-Identifier: Apache-2.0
#include "outputs/encode/json_writer.h"

#include <cmath>

#include "engine/event/value.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {

JsonWriter::JsonWriter() : out_("{"), levels_{Level{.key = {}, .written = true}} {
  out_.reserve(2048);
  levels_.reserve(12);
}

void JsonWriter::open(std::string_view key, char opening, char closing) {
  levels_.push_back({.key = key, .opening = opening, .closing = closing});
}

void JsonWriter::end() {
  if (levels_.back().written) out_ += levels_.back().closing;
  levels_.pop_back();
}

void JsonWriter::comma_and_key(Level& in, std::string_view key) {
  if (!in.first) out_ += ',';
  in.first = false;
  if (in.opening != '{') return;
  out_ += '"';
  append_json(out_, key);
  out_ += "\":";
}

void JsonWriter::begin_member(std::string_view key) {
  for (std::size_t i = 1; i < levels_.size(); ++i) {
    if (levels_[i].written) continue;
    comma_and_key(levels_[i - 1], levels_[i].key);
    out_ += levels_[i].opening;
    levels_[i].written = true;
  }
  comma_and_key(levels_.back(), key);
}

void JsonWriter::text(std::string_view key, std::string_view value) {
  if (!value.empty()) value_text(key, value);
}

void JsonWriter::value_text(std::string_view key, std::string_view value) {
  begin_member(key);
  out_ += '"';
  append_json(out_, value);
  out_ += '"';
}

void JsonWriter::number(std::string_view key, std::optional<std::int64_t> value) {
  if (value) raw(key, std::to_string(*value));
}

void JsonWriter::flag(std::string_view key, bool value) { raw(key, value ? "true" : "false"); }

void JsonWriter::value(std::string_view key, const act::FieldValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return this->flag(key, *flag);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return raw(key, std::to_string(*number));
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return raw(key, std::to_string(*number));
  if (const auto* number = std::get_if<double>(&value)) {
    return raw(key, std::isfinite(*number) ? event::to_text(event::Value(*number)) : "null");
  }
  if (const auto* text = std::get_if<std::string>(&value)) return value_text(key, *text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    begin_member(key);
    out_ += '[';
    for (std::size_t i = 0; i < texts->size(); ++i) {
      out_ += i == 0 ? "\"" : ",\"";
      append_json(out_, (*texts)[i]);
      out_ += '"';
    }
    out_ += ']';
    return;
  }
  raw(key, "null");
}

void JsonWriter::raw(std::string_view key, std::string_view json) {
  begin_member(key);
  out_ += json;
}

std::string JsonWriter::finish() {
  while (!levels_.empty()) end();
  return std::move(out_);
}

}  // namespace shrike::outputs
