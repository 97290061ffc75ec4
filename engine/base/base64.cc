// SPDX-License-Identifier: Apache-2.0
#include "engine/base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace shrike {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 64;
constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kDigits.size(); ++i) values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  return values;
}();

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) bits = bits << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += k <= count ? kDigits[bits >> (18 - 6 * k) & 0x3fU] : '=';
  }
  return out;
}

std::optional<std::size_t> decode_base64(std::string_view text, std::span<char> out) {
  std::string_view digits = text;
  while (digits.ends_with('=') && text.size() - digits.size() < 2) digits.remove_suffix(1);
  if (digits.size() % 4 == 1 || (digits.size() != text.size() && text.size() % 4 != 0)) return std::nullopt;
  std::size_t size = 0;
  std::uint32_t bits = 0;
  unsigned held = 0;  // of `bits`
  for (const char c : digits) {
    const std::uint8_t digit = kValues[static_cast<unsigned char>(c)];
    if (digit == kNone) return std::nullopt;
    bits = bits << 6U | digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out[size++] = static_cast<char>(static_cast<unsigned char>(bits >> held));
  }
  return size;
}

}  // namespace shrike
