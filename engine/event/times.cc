// SPDX-License-Identifier: Apache-2.0
#include "engine/event/times.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace shrike::event {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::string format(const tm& parts, const char* pattern, std::uint64_t epoch_ns) {
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), pattern, &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09u", static_cast<unsigned>(epoch_ns % kNsPerSecond));
  return std::string(text.data(), size) + fraction.data();
}

}  // namespace

std::string local_time_text(std::uint64_t epoch_ns) {
  const auto seconds = static_cast<time_t>(epoch_ns / kNsPerSecond);
  tm parts{};
  localtime_r(&seconds, &parts);
  return format(parts, "%H:%M:%S", epoch_ns);
}

std::string iso_time_text(std::uint64_t epoch_ns, std::string_view zone) {
  const auto seconds = static_cast<time_t>(epoch_ns / kNsPerSecond);
  tm parts{};
  gmtime_r(&seconds, &parts);
  return format(parts, "%Y-%m-%dT%H:%M:%S", epoch_ns) + std::string(zone);
}

}  // namespace shrike::event
