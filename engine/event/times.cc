// SPDX-License-Identifier: Apache-2.0
#include "engine/event/times.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <span>

namespace shrike::event {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::size_t format(std::span<char> into, bool utc, const char* pattern, std::uint64_t epoch_ns) {
  const auto seconds = static_cast<time_t>(epoch_ns / kNsPerSecond);
  tm parts{};
  if (utc) {
    gmtime_r(&seconds, &parts);
  } else {
    localtime_r(&seconds, &parts);
  }
  const std::size_t size = std::strftime(into.data(), into.size(), pattern, &parts);
  const std::span<char> rest = into.subspan(size);
  const int more = std::snprintf(rest.data(), rest.size(), ".%09u", static_cast<unsigned>(epoch_ns % kNsPerSecond));
  return size + static_cast<std::size_t>(more);
}

}  // namespace

TimeText local_time(std::uint64_t epoch_ns) {
  TimeText time;
  time.size_ = format(time.text_, false, "%H:%M:%S", epoch_ns);
  return time;
}

TimeText local_datetime(std::uint64_t epoch_ns) {
  TimeText time;
  time.size_ = format(time.text_, false, "%Y-%m-%d %H:%M:%S", epoch_ns);
  return time;
}

TimeText utc_time(std::uint64_t epoch_ns, std::string_view zone) {
  TimeText time;
  time.size_ = format(time.text_, true, "%Y-%m-%dT%H:%M:%S", epoch_ns);
  const std::size_t size = std::min(zone.size(), time.text_.size() - time.size_);
  std::copy_n(zone.begin(), size, time.text_.begin() + static_cast<std::ptrdiff_t>(time.size_));
  time.size_ += size;
  return time;
}

std::string local_time_text(std::uint64_t epoch_ns) { return std::string(local_time(epoch_ns).view()); }

std::string iso_time_text(std::uint64_t epoch_ns, std::string_view zone) { return std::string(utc_time(epoch_ns, zone).view()); }

}  // namespace shrike::event
