// SPDX-License-Identifier: Apache-2.0
// Wait bounds what one deliver() may wait for: a time, and the sink's wish to stop.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stop_token>
#include <utility>

namespace shrike::outputs {

class Wait {
 public:
  using Clock = std::chrono::steady_clock;
  Wait(std::chrono::milliseconds time, std::stop_token stop) : deadline_(Clock::now() + time), stop_(std::move(stop)) {}

  // Why there is nothing left to wait for: ECANCELED, ETIMEDOUT, or 0.
  int over() const {
    if (stop_.stop_requested()) return ECANCELED;
    return Clock::now() >= deadline_ ? ETIMEDOUT : 0;
  }
  // Until `fd` is ready for `events` or has failed: 0, else over(). A wish to stop is seen within 50 ms.
  int until(int fd, short events) const {
    while (true) {
      pollfd ready{fd, events, 0};
      const int count = poll(&ready, 1, slice_ms());
      if (count > 0) return 0;
      if (count < 0 && errno != EINTR) return errno;
      if (const int why = over(); why != 0) return why;
    }
  }
  // The same bounds, but no longer than `time`.
  Wait at_most(std::chrono::milliseconds time) const {
    Wait shorter = *this;
    shorter.deadline_ = std::min(deadline_, Clock::now() + time);
    return shorter;
  }

 private:
  int slice_ms() const {
    static constexpr std::chrono::milliseconds kSlice{50};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    return static_cast<int>(std::clamp(left, std::chrono::milliseconds{0}, kSlice).count());
  }

  Clock::time_point deadline_;
  std::stop_token stop_;
};

// For people: why a wait ended or a call failed.
inline const char* wait_error(int error) {
  if (error == ECANCELED) return "stopped before it was known";
  return error == ETIMEDOUT ? "no answer in time" : nullptr;
}

}  // namespace shrike::outputs
