// SPDX-License-Identifier: Apache-2.0
#include "engine/event/value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace shrike::event {

IpAddress canonical(IpAddress address) {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address.family == 6 && std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
    IpAddress v4{.bytes = {}, .family = 4};
    std::copy_n(address.bytes.begin() + 12, 4, v4.bytes.begin());
    return v4;
  }
  return address;
}

std::string to_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.family == 6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string to_text(const Value& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "<NA>"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const {
      std::array<char, 32> text{};
      return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
    }
    std::string operator()(std::string_view text) const { return std::string(text); }
    std::string operator()(const IpAddress& address) const { return to_text(address); }
    std::string operator()(ValueList list) const {
      std::string text;
      for (const Value& item : list) {
        if (!text.empty()) text += ' ';
        text += to_text(item);
      }
      return text;
    }
  };
  return std::visit(Visitor{}, value.data);
}

std::string list_text(const Value& value) {
  const auto* list = std::get_if<ValueList>(&value.data);
  if (list == nullptr) return to_text(value);
  std::string text = "(";
  for (const Value& item : *list) text += (text.size() == 1 ? "" : ",") + to_text(item);
  return text + ')';
}

}  // namespace shrike::event
