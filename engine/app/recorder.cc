// SPDX-License-Identifier: Apache-2.0
#include "engine/app/recorder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "engine/app/event_file.h"
#include "engine/base/base64.h"
#include "engine/event/gaps.h"
#include "engine/lang/utf8.h"

namespace shrike::app {
namespace {

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = lang::utf8_size(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

void append_text(std::string& line, std::string_view text) {
  if (!is_utf8(text)) {
    line += R"({"base64":")";
    line += encode_base64(text);
    line += "\"}";
    return;
  }
  line += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", unsigned{byte});
      line += escaped.data();
    } else {
      line += c;
    }
  }
  line += '"';
}

template <class Number>
void append_number(std::string& line, Number number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  line.append(text.data(), end);
}

void append_value(std::string& line, const event::Value& value) {
  struct Visitor {
    std::string& line;
    void operator()(std::monostate) const { line += "null"; }
    void operator()(bool flag) const { line += flag ? "true" : "false"; }
    void operator()(std::int64_t number) const { append_number(line, number); }
    void operator()(std::uint64_t number) const { append_number(line, number); }
    void operator()(double number) const {
      if (std::isfinite(number))
        append_number(line, number);
      else
        line += "null";
    }
    void operator()(std::string_view text) const { append_text(line, text); }
    void operator()(const event::IpAddress& address) const { append_text(line, event::to_text(address)); }
    void operator()(const event::ValueList& list) const {
      line += '[';
      for (const event::Value& item : list) {
        if (&item != list.begin()) line += ',';
        append_value(line, item);
      }
      line += ']';
    }
  };
  std::visit(Visitor{line}, value.data);
}

void append_key(std::string& line, std::string_view key) {
  if (line.size() > 1) line += ',';
  append_text(line, key);
  line += ':';
}

template <class Texts>
void append_texts(std::string& line, std::string_view key, const Texts& texts) {
  append_key(line, key);
  line += '[';
  bool first = true;
  for (const std::string_view text : texts) {
    if (!std::exchange(first, false)) line += ',';
    append_text(line, text);
  }
  line += ']';
}

// Every line has them in another form, or nobody reads them from there.
bool is_implied(const event::FieldUse& use) {
  const std::string_view name = use.field->name;
  return name == "evt.type" || name == "evt.time" || name == "syscall.type" || name == "fd.names";
}

bool same(const event::FieldUse& a, const event::FieldUse& b) {
  if (a.field != b.field || a.argument.present != b.argument.present) return false;
  return a.argument.index && b.argument.index ? a.argument.index == b.argument.index : a.argument.text == b.argument.text;
}

void append_verdicts(std::string& line, std::span<const act::Alert> verdicts) {
  const auto list = [&](std::string_view key, const auto& append) {
    append_key(line, key);
    line += '[';
    for (const act::Alert& alert : verdicts) {
      if (&alert != verdicts.data()) line += ',';
      append(alert);
    }
    line += ']';
  };
  list("shrike.rules", [&](const act::Alert& alert) { append_text(line, alert.rule); });
  list("shrike.verdicts", [&](const act::Alert& alert) { append_text(line, alert.verdict); });
  list("shrike.errnos", [&](const act::Alert& alert) { append_number(line, alert.error_number); });
  append_key(line, "shrike.hook");
  append_text(line, verdicts.front().hook);
  append_key(line, "shrike.generation");
  append_number(line, verdicts.front().generation);
}

}  // namespace

void append_member(std::string& line, const event::FieldUse& use, const event::Value& value) {
  if (value.absent()) return;
  append_key(line, use.text());
  append_value(line, value);
}

void Recorder::rules(const program::Program& program) {
  fields_.clear();  // a program may stand where another one stood
  std::vector<std::string_view> inactive, decided;
  for (const program::Rule& rule : program.rules) {
    if (!rule.enabled) continue;
    if (rule.availability.state == program::Availability::State::kInactive) inactive.push_back(rule.name);
    if (rule.decided_in_kernel) decided.push_back(rule.name);
  }
  line_ = R"({"recording":)" + std::to_string(kRecordingVersion);
  append_texts(line_, "inactive", inactive);
  append_texts(line_, "decided", decided);
  line_ += "}\n";
  file_.put(line_);
}

const std::vector<std::uint32_t>& Recorder::fields_of(const program::Program& program) {
  const auto [found, is_new] = fields_.try_emplace(&program);
  std::vector<std::uint32_t>& fields = found->second;
  if (!is_new) return fields;
  for (std::uint32_t slot = 0; slot < program.slots.size(); ++slot) {
    const event::FieldUse& use = program.slots[slot].use;
    if (use.field == nullptr || use.field->get == nullptr || is_implied(use)) continue;
    const auto known = [&](std::uint32_t other) { return same(program.slots[other].use, use); };
    if (std::ranges::none_of(fields, known)) fields.push_back(slot);
  }
  return fields;
}

void Recorder::event(const pipeline::Observed& seen) {
  ++events_;
  const event::Event& event = seen.event;
  line_ = "{";
  if (event.type != event::EventType::kNone) {
    append_key(line_, "evt.type");
    append_text(line_, event::name(event.type));
  }
  append_key(line_, "evt.time");
  append_number(line_, event.time_ns);
  for (const std::uint32_t slot : fields_of(seen.program))
    append_member(line_, seen.program.slots[slot].use, seen.matcher.value(slot));
  if (!event.names.empty()) {
    append_texts(line_, "fd.names", event.names);
    // Whether they are a directory's, whose name is its fd.directory.
    const auto* open = std::get_if<event::Open>(&event.payload);
    if (open != nullptr && S_ISDIR(open->file.mode) && !line_.contains("\"fd.typechar\":")) {
      append_key(line_, "fd.typechar");
      append_text(line_, "d");
    }
  }
  // Of an exec, fd.names are the program's.
  const bool exec = event.type == event::EventType::kExecve || event.type == event::EventType::kExecveat;
  if (event.process != nullptr && !event.process->image->names().empty() && !(exec && !event.names.empty()))
    append_texts(line_, "shrike.exe_names", event.process->image->names());
  if (const std::string gaps = event::gaps_text(event::all_gaps(event)); !gaps.empty()) {
    append_key(line_, "shrike.incomplete");
    append_text(line_, gaps);
  }
  if (!seen.verdicts.empty()) append_verdicts(line_, seen.verdicts);
  line_ += "}\n";
  file_.put(line_);
}

void Recorder::losses(const pipeline::Losses& losses) {
  const auto tell = [&](const std::string& hook, std::uint64_t lost) {
    std::uint64_t& told = lost_[hook];
    if (lost <= told) return;
    line_ = R"({"lost":)" + std::to_string(lost - told);
    append_key(line_, "hook");
    append_text(line_, hook);
    line_ += "}\n";
    file_.put(line_);
    told = lost;
  };
  for (const pipeline::HookLoss& hook : losses.hooks) tell(hook.hook, hook.counts.lost());
  tell("decode", losses.corrupt);
}

std::optional<Error> Recorder::flush() {
  file_.flush();
  return file_.take_error();
}

std::optional<Error> Recorder::finish() {
  file_.finish();
  return file_.take_error();
}

}  // namespace shrike::app
