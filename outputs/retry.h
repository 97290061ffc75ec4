// SPDX-License-Identifier: Apache-2.0
// Backoff says when to try again: after failure n (from 0) a random time between 0 and base · 2ⁿ, at most the cap ("full
// jitter": many hosts that lost the same server do not come back at the same moment). What the other side asked for wins.
// Knows no clock and no thread: times are handed in.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "outputs/options.h"

namespace shrike::outputs {

class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kMaxRetryAfter{3'600'000};

  // `random` gives numbers in [0, 1).
  Backoff(const RetryOptions& options, std::function<double()> random) : options_(options), random_(std::move(random)) {}

  // An attempt failed at `now`.
  void failed(Time now, std::optional<std::chrono::milliseconds> retry_after = {});
  void succeeded() {
    failures_ = 0;
    wait_ = {};
    next_ = {};
  }

  Time next() const { return next_; }                       // not before
  std::chrono::milliseconds wait() const { return wait_; }  // the current one; 0: none
  std::uint32_t failures() const { return failures_; }      // in a row

 private:
  RetryOptions options_;
  std::function<double()> random_;
  std::uint32_t failures_ = 0;
  std::chrono::milliseconds wait_{0};
  Time next_{};
};

}  // namespace shrike::outputs
