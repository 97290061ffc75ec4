// SPDX-License-Identifier: Apache-2.0
// Clocks. Records carry CLOCK_BOOTTIME, people read wall time; only this file knows both.
#pragma once

#include <cstdint>
#include <ctime>

namespace shrike {

inline std::uint64_t read_clock_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// CLOCK_BOOTTIME in ns: goes on during suspend, never jumps.
inline std::uint64_t boot_time_ns() { return read_clock_ns(CLOCK_BOOTTIME); }

// Epoch in ns.
inline std::uint64_t wall_time_ns() { return read_clock_ns(CLOCK_REALTIME); }

// Turns boot times into wall times. The offset is read anew by refresh(), so that a set clock shows within a second.
class WallClock {
 public:
  WallClock() { refresh(); }
  void refresh() { offset_ns_ = static_cast<std::int64_t>(wall_time_ns()) - static_cast<std::int64_t>(boot_time_ns()); }
  std::uint64_t from_boot(std::uint64_t boot_ns) const {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(boot_ns) + offset_ns_);
  }

 private:
  std::int64_t offset_ns_ = 0;
};

}  // namespace shrike
