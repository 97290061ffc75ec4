// SPDX-License-Identifier: Apache-2.0
// Value is what a field yields for an event: nothing (absent), or one typed value, or several.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace shrike::event {

// IPv4 in the first four bytes, network order. IPv4-mapped IPv6 is IPv4 (see canonical).
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t family = 0;  // 4 or 6

  auto operator<=>(const IpAddress&) const = default;
};

// ::ffff:a.b.c.d becomes a.b.c.d, so that a rule can't be dodged by the other spelling.
IpAddress canonical(IpAddress address);

// inet_ntop's text.
std::string to_text(const IpAddress& address);

struct Value;

// Several values, borrowed from the event's arena.
struct ValueList {
  const Value* items = nullptr;
  std::size_t count = 0;

  const Value* begin() const { return items; }
  const Value* end() const;
};

// Strings are borrowed: from the record, the process table, the arena of the event, or static text; never longer than the event.
struct Value {
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, std::string_view, IpAddress, ValueList, double> data;
  // Further names of the same thing (an object's hard links, its paths in other mounts). Conditions ask them too, see
  // program::holds; what is printed is `data` alone.
  ValueList also;

  Value() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): getters return plain values
  Value(std::string_view text) : data(text) {}
  // NOLINTNEXTLINE(google-explicit-constructor): and literals
  Value(const char* text) : data(std::string_view(text)) {}
  explicit Value(bool flag) : data(flag) {}
  explicit Value(std::int64_t number) : data(number) {}
  explicit Value(std::uint64_t number) : data(number) {}
  explicit Value(double number) : data(number) {}
  explicit Value(const IpAddress& address) : data(address) {}
  explicit Value(ValueList list) : data(list) {}

  bool absent() const { return data.index() == 0; }
};

inline const Value* ValueList::end() const { return items + count; }

// Text as it stands in an alert; lists joined by blanks. Absent gives "<NA>".
std::string to_text(const Value& value);

// Of a list-valued field or call: "(a,b)".
std::string list_text(const Value& value);

}  // namespace shrike::event
