// SPDX-License-Identifier: Apache-2.0
#include "engine/event/recorded.h"

#include <algorithm>
#include <span>

namespace shrike::event {
namespace {

bool same(const Argument& a, const Argument& b) {
  if (a.present != b.present) return false;
  return a.index && b.index ? a.index == b.index : a.text == b.text;
}

bool is_exec(EventType type) { return type == EventType::kExecve || type == EventType::kExecveat; }

// A parameter of bytes as text: evt.arg.data. Conditions too see it with dots.
bool is_bytes(const FieldUse& use) {
  return use.field->argument == ArgumentKind::kParameter && find_param(use.argument.text) == ParamKind::kBytes;
}

// `of` and what stands in it: one value, or the items of a list; each once.
void collect(const Value* of, std::vector<Value>& into) {
  const auto add = [&](const Value& value) {
    if (value.absent()) return;
    const auto known = [&](const Value& other) { return to_text(other) == to_text(value); };
    if (std::ranges::none_of(into, known)) into.push_back(value);
  };
  if (of == nullptr) return;
  const auto* list = std::get_if<ValueList>(&of->data);
  if (list == nullptr) return add(*of);
  for (const Value& item : *list) add(item);
}

}  // namespace

void RecordedEvent::clear() {
  type_ = EventType::kNone;
  number_ = 0;
  time_ns_.reset();
  entries_.clear();
  names_.clear();
  name_values_ = {};
  exe_names_.clear();
  gaps_ = {};
  texts_.reset();
}

Value RecordedEvent::copy(const Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return texts_.concat(*text);
  const auto* list = std::get_if<ValueList>(&value.data);
  if (list == nullptr) return value;
  const std::span<Value> items = texts_.array<Value>(list->count);
  std::ranges::transform(*list, items.begin(), [this](const Value& item) { return copy(item); });
  return Value(ValueList{items.data(), items.size()});
}

void RecordedEvent::set(const FieldUse& use, const Value& value) {
  Value& kept = entries_.emplace_back(use.field, use.argument, copy(value)).value;
  if (const auto* bytes = std::get_if<std::string_view>(&kept.data); bytes != nullptr && is_bytes(use))
    kept = texts_.concat(dotted(*bytes));
  if (use.field->name != "fd.names") return;
  std::vector<Value> names;
  collect(&kept, names);
  for (const Value& name : names) {
    if (const auto* text = std::get_if<std::string_view>(&name.data)) names_.push_back(*text);
  }
  if (const auto* list = std::get_if<ValueList>(&kept.data)) name_values_ = *list;
}

void RecordedEvent::add_exe_name(std::string_view name) { exe_names_.emplace_back(texts_.concat(name)); }

Event RecordedEvent::event() const {
  Event event;
  event.number = number_;
  event.type = type_;
  event.time_ns = time_ns_.value_or(0);
  event.names = names_;
  event.gaps = gaps_;
  event.recorded = this;
  return event;
}

const Value* RecordedEvent::find(const Field& field, const Argument& argument) const {
  const auto is_it = [&](const Entry& entry) { return entry.field == &field && same(entry.argument, argument); };
  const auto found = std::ranges::find_if(entries_, is_it);
  return found == entries_.end() ? nullptr : &found->value;
}

const Value* RecordedEvent::find(std::string_view field) const {
  const auto is_it = [&](const Entry& entry) { return !entry.argument.present && entry.field->name == field; };
  const auto found = std::ranges::find_if(entries_, is_it);
  return found == entries_.end() ? nullptr : &found->value;
}

Value RecordedEvent::value(const FieldUse& use, Arena& arena) const {
  const Value* found = find(*use.field, use.argument);
  Value value = found == nullptr ? derived(use, arena) : *found;
  if (name_values_.count != 0 && !value.absent() && use.field->name == (is_exec(type_) ? "proc.exepath" : "fd.name")) {
    value.also = name_values_;
  } else if (name_values_.count != 0 && !value.absent()) {
    value.also = parts_of_names(use.field->name, arena);
  }
  if (!exe_names_.empty() && value.also.count == 0 && !value.absent() && use.field->name == "proc.exepath")
    value.also = {exe_names_.data(), exe_names_.size()};
  return value;
}

// Of further names what the field is of fd.name.
ValueList RecordedEvent::parts_of_names(std::string_view field, Arena& arena) const {
  const bool directory = field == "fd.directory";
  if (is_exec(type_) || (!directory && field != "fd.filename")) return {};
  const Value* type = find("fd.typechar");
  const bool whole = directory && type != nullptr && *std::get_if<std::string_view>(&type->data) == "d";
  const std::span<Value> parts = arena.array<Value>(names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::size_t slash = names_[i].rfind('/');
    const std::string_view name = names_[i].substr(slash + 1);  // npos + 1 is 0
    const std::string_view above = slash == std::string_view::npos || slash == 0 ? "/" : names_[i].substr(0, slash);
    parts[i] = Value(whole ? names_[i] : directory ? above : name);
  }
  return {parts.data(), parts.size()};
}

// The addresses (suffix "ip") or ports of every end that was told.
Value RecordedEvent::ends(std::string_view suffix, Arena& arena) const {
  std::vector<Value> values;
  for (const std::string_view end : {"fd.c", "fd.s", "fd.l", "fd.r"}) collect(find(arena.concat(end, suffix)), values);
  if (values.empty()) return {};
  const std::span<Value> items = arena.array<Value>(values.size());
  std::ranges::copy(values, items.begin());
  return Value(ValueList{items.data(), items.size()});
}

Value RecordedEvent::derived(const FieldUse& use, Arena& arena) const {
  const std::string_view name = use.field->name;
  const auto ancestor = [&](std::size_t level) -> Value {
    const Value* names = find("proc.aname");
    const auto* list = names == nullptr ? nullptr : std::get_if<ValueList>(&names->data);
    return list == nullptr || level == 0 || level > list->count ? Value() : list->items[level - 1];
  };
  const auto same_as = [&](std::string_view other) {
    const Value* found = find(other);
    return found == nullptr ? Value() : *found;
  };
  if (name == "proc.aname") return use.argument.index ? ancestor(*use.argument.index) : Value();
  if (name == "proc.pname") return ancestor(1);
  if (name == "fd.ip" || name == "fd.net") return ends("ip", arena);
  if (name == "fd.port") return ends("port", arena);
  if (name == "fd.cnet") return same_as("fd.cip");
  if (name == "fd.snet") return same_as("fd.sip");
  if (name == "fd.lnet") return same_as("fd.lip");
  if (name == "fd.rnet") return same_as("fd.rip");
  return {};
}

Value recorded_value(const FieldUse& use, const Event& event, const Context& context, Arena& arena) {
  const std::string_view name = use.field->name;
  const bool in_event =
      name == "evt.num" || name == "evt.type" || name == "syscall.type" || (name == "evt.time" && event.recorded->time());
  return in_event ? use.field->get({event, context, arena, use.argument}) : event.recorded->value(use, arena);
}

}  // namespace shrike::event
