// SPDX-License-Identifier: Apache-2.0
#include "engine/event/field.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <unordered_map>

#include "engine/event/raw_param.h"

namespace shrike::event {
namespace {

using enum Type;
using enum ArgumentKind;

// Is the argument a suffix of the name?
bool is_dotted(const FieldUse& use) {
  switch (use.field->argument) {
    case kParameter:
      return !use.argument.index;
    case kRawParameter:
    case kEventType:
    case kSuffix:
    case kOptionalSuffix:
      return true;
    case kNone:
    case kOptionalIndex:
    case kRequiredIndex:
    case kOptionalKey:
    case kRequiredKey:
      break;
  }
  return false;
}

}  // namespace

std::optional<std::int64_t> return_value(const Event& event) {
  struct Visitor {
    bool refused;
    bool generic;  // a call without a parser has none (rule-language.md 3.1)
    std::optional<std::int64_t> operator()(const Open& open) const { return open.ret; }
    std::optional<std::int64_t> operator()(const SocketCall& call) const { return call.ret; }
    std::optional<std::int64_t> operator()(const Paths& paths) const { return paths.ret; }
    std::optional<std::int64_t> operator()(const Call& call) const { return generic ? std::nullopt : std::optional(call.ret); }
    std::optional<std::int64_t> operator()(const ProcessChange& change) const {
      return refused && change.kind == ProcessChange::Kind::kExecCheck ? -EPERM : 0;
    }
    std::optional<std::int64_t> operator()(const ProcessExit&) const { return std::nullopt; }
    std::optional<std::int64_t> operator()(const CgroupChange&) const { return std::nullopt; }
    std::optional<std::int64_t> operator()(std::monostate) const { return std::nullopt; }
  };
  return std::visit(
      Visitor{.refused = event.verdict && event.verdict->refused, .generic = index(event.type) > index(EventType::kFinitModule)},
      event.payload);
}

std::string_view spelling(Type type) {
  static constexpr std::string_view kNames[] = {"string", "int", "uint", "bool",   "time",   "duration",
                                                "port",   "ip",  "net",  "buffer", "double", "raw value"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view spelling(Origin origin) {
  static constexpr std::string_view kNames[] = {"kernel", "user memory", "process table",   "host files",
                                                "engine", "nothing",     "container files", "not captured"};
  return kNames[static_cast<std::size_t>(origin)];
}

std::string FieldUse::text() const {
  std::string text(field->name);
  if (!argument.present) return text;
  return is_dotted(*this) ? text + '.' + argument.text : text + '[' + argument.text + ']';
}

namespace {

// What a field wants that has no argument; empty if it needs none.
std::string_view wanted(ArgumentKind kind) {
  switch (kind) {
    case kParameter:
      return "a parameter: evt.arg.name or evt.arg[0]";
    case kRawParameter:
      return "a parameter: evt.rawarg.name";
    case kEventType:
      return "an event type: evt.type.is.open";
    case kSuffix:
      return "a subsystem: thread.cgroup.cpu";
    case kRequiredIndex:
      return "a number in brackets";
    case kRequiredKey:
      return "an argument in brackets";
    case kNone:
    case kOptionalIndex:
    case kOptionalKey:
    case kOptionalSuffix:
      break;
  }
  return {};
}

const Field* find_field(std::string_view name) {
  static const auto kByName = [] {
    std::unordered_map<std::string_view, const Field*> by_name;
    for (const Field& field : fields()) by_name.emplace(field.name, &field);
    return by_name;
  }();
  const auto found = kByName.find(name);
  return found == kByName.end() ? nullptr : found->second;
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

// A field of which the last part of `name` is the argument: evt.arg.NAME.
Result<FieldUse> resolve_dotted(std::string_view name) {
  for (std::size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
    const Field* field = find_field(name.substr(0, dot));
    if (field == nullptr) continue;
    const std::string_view suffix = name.substr(dot + 1);
    FieldUse use{field, {.text = std::string(suffix), .index = std::nullopt, .present = true}};
    switch (field->argument) {
      case kParameter:
      case kRawParameter: {
        const auto kind = find_param(suffix);
        if (!kind) return fail(Code::kInvalid, "unknown event argument " + quoted(suffix));
        if (field->argument == kRawParameter) use.field = &raw_field(*kind);
        return use;
      }
      case kEventType: {
        const auto type = find_event_type(suffix);
        if (!type) return fail(Code::kNotFound, "unknown event type " + quoted(suffix));
        use.argument.index = index(*type);
        return use;
      }
      case kSuffix:
        if (!suffix.empty()) return use;
        break;
      case kOptionalSuffix:
        if (suffix == "src" || suffix == "dst") return use;
        break;
      case kNone:
      case kOptionalIndex:
      case kRequiredIndex:
      case kOptionalKey:
      case kRequiredKey:
        break;
    }
    break;
  }
  return fail(Code::kNotFound, "unknown field " + quoted(name));
}

std::optional<std::uint64_t> parse_index(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<FieldUse> resolve_field(std::string_view name, const std::optional<std::string>& argument) {
  const Field* field = find_field(name);
  if (field == nullptr) {
    auto use = resolve_dotted(name);
    if (use && argument) return fail(Code::kInvalid, quoted(name) + " takes no argument in brackets");
    return use;
  }
  if (!argument) {
    if (const std::string_view what = wanted(field->argument); !what.empty())
      return fail(Code::kInvalid, quoted(name) + " needs " + std::string(what));
    return FieldUse{field, {}};
  }
  FieldUse use{field, {.text = *argument, .index = parse_index(*argument), .present = true}};
  switch (field->argument) {
    case kNone:
      return fail(Code::kInvalid, quoted(name) + " takes no argument");
    case kRawParameter:
    case kEventType:
    case kSuffix:
    case kOptionalSuffix:
      return fail(Code::kInvalid, quoted(name) + " takes no argument in brackets" +
                                      (wanted(field->argument).empty() ? "" : ", but " + std::string(wanted(field->argument))));
    case kOptionalIndex:
    case kRequiredIndex:
    case kParameter:
      if (!use.argument.index)
        return fail(Code::kInvalid, quoted(name) + " takes a number as argument, not " + quoted(*argument));
      break;
    case kRequiredKey:
      if (argument->empty()) return fail(Code::kInvalid, quoted(name) + " needs an argument in brackets");
      break;
    case kOptionalKey:
      break;
  }
  return use;
}

std::string dotted(std::string_view bytes) {
  std::string text(bytes);
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '.');
  return text;
}

std::string field_text(const FieldUse& use, const Value& value) {
  const Field& field = *use.field;
  const auto* number = std::get_if<std::uint64_t>(&value.data);
  const auto* whole = std::get_if<std::int64_t>(&value.data);
  const std::uint64_t bits = number != nullptr ? *number : whole != nullptr ? static_cast<std::uint64_t>(*whole) : 0;
  std::array<char, 24> text{};
  if (field.display == Display::kHex && whole != nullptr) {
    std::snprintf(text.data(), text.size(), "%lX", static_cast<unsigned long>(bits));
    return text.data();
  }
  if (field.display == Display::kPadded && number != nullptr) {
    std::snprintf(text.data(), text.size(), "%09lu", static_cast<unsigned long>(bits));
    return text.data();
  }
  if (field.type == kBuffer) return dotted(to_text(value));
  return field.has(kList) ? list_text(value) : to_text(value);
}

}  // namespace shrike::event
