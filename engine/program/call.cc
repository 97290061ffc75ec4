// SPDX-License-Identifier: Apache-2.0
#include "engine/program/call.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "engine/base/base64.h"

namespace shrike::program {
namespace {

using event::Value;
using event::ValueList;

constexpr std::array<std::string_view, 8> kNames = {"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"};

std::span<const Value> items(const Value& value) {
  const auto* list = std::get_if<ValueList>(&value.data);
  return list == nullptr ? std::span<const Value>() : std::span(list->items, list->count);
}

std::string_view text(const Value& value) {
  const auto* view = std::get_if<std::string_view>(&value.data);
  return view == nullptr ? std::string_view() : *view;
}

template <class Map>
Value map_letters(std::string_view text, Arena& arena, Map map) {
  const std::span<char> out = arena.bytes(text.size());
  std::ranges::transform(text, out.begin(), map);
  return {std::string_view(out.data(), out.size())};
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

Value decoded(std::string_view text, Arena& arena) {
  const std::span<char> out = arena.bytes(decoded_size_max(text));
  const auto size = decode_base64(text, out);
  return size ? Value(std::string_view(out.data(), *size)) : Value();
}

// Counted first and written then, so that the arena grows once.
template <class Each>
Value concat_all(std::size_t count, Arena& arena, Each each) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size += each(i).size();
  const std::span<char> out = arena.bytes(size);
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view part = each(i);
    if (!part.empty()) std::memcpy(out.data() + at, part.data(), part.size());
    at += part.size();
  }
  return {std::string_view(out.data(), size)};
}

// As event::to_text has it, without the heap where a value is of common kind.
std::string_view text_of(const Value& value, Arena& arena) {
  const auto digits = [&](auto number) {
    const std::span<char> room = arena.bytes(20);  // the least int64
    return std::string_view(room.data(), std::to_chars(room.data(), room.data() + room.size(), number).ptr);
  };
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return digits(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) return digits(*number);
  return arena.concat(event::to_text(value));
}

std::span<std::string_view> texts_of(std::span<const Value> values, Arena& arena) {
  const std::span<std::string_view> texts = arena.array<std::string_view>(values.size());
  std::ranges::transform(values, texts.begin(), [&](const Value& value) { return text_of(value, arena); });
  return texts;
}

Value join(std::string_view separator, std::span<const Value> values, Arena& arena) {
  if (values.empty()) return {""};
  const std::span<std::string_view> texts = texts_of(values, arena);
  return concat_all(2 * texts.size() - 1, arena, [&](std::size_t i) { return i % 2 == 0 ? texts[i / 2] : separator; });
}

Value concat(std::span<const Value> values, Arena& arena) {
  const std::span<std::string_view> texts = texts_of(values, arena);
  return concat_all(texts.size(), arena, [&](std::size_t i) { return texts[i]; });
}

// One option as getopt(3) in POSIX order reads it; an unknown one is the flag '?'.
struct Option {
  std::string_view letter;
  std::string_view argument;
  bool has_argument = false;
  bool missing = false;  // it has none: the arguments end before
};

template <class Found>
void each_option(std::span<const Value> arguments, std::string_view known, Found found) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view letters = text(arguments[i]);
    if (letters.size() < 2 || letters.front() != '-' || letters == "--") return;
    letters.remove_prefix(1);
    while (!letters.empty()) {
      const std::size_t at = letters.front() == ':' ? std::string_view::npos : known.find(letters.front());
      Option option;
      option.letter = at == std::string_view::npos ? "?" : letters.substr(0, 1);
      letters.remove_prefix(1);
      if (at != std::string_view::npos && known.substr(at + 1, 1) == ":") {
        option.has_argument = true;
        option.argument = std::exchange(letters, {});
        if (option.argument.empty()) {
          option.missing = i + 1 == arguments.size();
          if (!option.missing) option.argument = text(arguments[++i]);
        }
      }
      found(option);
    }
  }
}

Value option_values(std::span<const Value> arguments, std::string_view known, Arena& arena) {
  std::size_t most = 0;
  each_option(arguments, known, [&](const Option& option) { most += option.has_argument ? 2 : 1; });
  const std::span<Value> values = arena.array<Value>(most);
  std::size_t count = 0;
  each_option(arguments, known, [&](const Option& option) {
    if (!option.missing) values[count++] = Value(option.letter);
    if (option.has_argument) values[count++] = Value(option.argument);
  });
  return Value(ValueList{values.data(), count});
}

Value option_value(std::span<const Value> arguments, std::string_view known, char wanted) {
  Value last;
  each_option(arguments, known, [&](const Option& option) {
    if (option.letter.front() == wanted) last = Value(option.has_argument ? option.argument : option.letter);
  });
  return last;
}

Value apply_once(const Call& call, std::span<const Value> arguments, Arena& arena) {
  const Value& first = arguments.front();
  switch (call.function) {
    case Function::kTolower:
      return map_letters(text(first), arena, lower);
    case Function::kToupper:
      return map_letters(text(first), arena, upper);
    case Function::kB64:
      return decoded(text(first), arena);
    case Function::kBasename:
      return {text(first).substr(text(first).rfind('/') + 1)};
    case Function::kLen: {
      const auto* list = std::get_if<ValueList>(&first.data);
      return Value(static_cast<std::uint64_t>(list != nullptr ? list->count : text(first).size()));
    }
    case Function::kJoin:
      return join(text(first), items(arguments[1]), arena);
    case Function::kConcat:
      return concat(arguments, arena);
    case Function::kGetopt:
      return call.option ? option_value(items(first), text(arguments[1]), *call.option)
                         : option_values(items(first), text(arguments[1]), arena);
  }
  return {};
}

bool lacks_any(const Value& value) { return value.absent() || std::ranges::any_of(items(value), &Value::absent); }

}  // namespace

std::optional<Function> find_function(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Function>(found - kNames.begin());
}

std::string_view spelling(Function function) { return kNames[static_cast<std::size_t>(function)]; }

event::Value apply(const Call& call, std::span<const Value> arguments, Arena& arena) {
  const auto once = [&](std::span<const Value> values) {
    return std::ranges::any_of(values, lacks_any) ? Value() : apply_once(call, values, arena);
  };
  Value result = once(arguments);
  std::size_t names = 0;
  for (const Value& argument : arguments) names = std::max(names, argument.also.count);
  if (names == 0) [[likely]] {
    return result;
  }
  // The fields of one object list its names in the same order, so the k-th of each belong together.
  const std::span<Value> others = arena.array<Value>(names);
  const std::span<Value> named = arena.array<Value>(arguments.size());
  for (std::size_t k = 0; k < names; ++k) {
    std::ranges::transform(arguments, named.begin(),
                           [&](const Value& argument) { return k < argument.also.count ? argument.also.items[k] : argument; });
    others[k] = once(named);
  }
  result.also = {others.data(), others.size()};
  return result;
}

}  // namespace shrike::program
