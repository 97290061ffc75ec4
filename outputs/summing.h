// SPDX-License-Identifier: Apache-2.0
// Summing holds back repetition: the first alert of a rule goes out at once; those that follow within the window are counted and
// go out as one, the last of them, "(×N in 30 s)" and shrike.count beside it. Never silence: as long as a rule fires there is an
// alert per window. Rules that refused and rules that only saw are apart (the verdict); internal notices are never held back.
// Knows no clock and no thread: times are handed in.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/act/alert.h"

namespace shrike::outputs {

class Summing {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Shared = std::shared_ptr<const act::Alert>;

  explicit Summing(std::chrono::seconds window) : window_(window) {}

  // What is to go out now: the alert itself, or nothing, it has been counted.
  std::optional<Shared> add(Shared alert, Time now);
  // Sums whose window ended; all of them, if `all`.
  std::vector<Shared> due(Time now, bool all = false);
  // When due() has something to do; nothing: no window is open.
  std::optional<Time> next() const;
  std::uint64_t held() const { return held_; }

 private:
  struct Open {
    Time end;
    std::uint64_t count = 0;
    Shared last;
  };

  std::chrono::seconds window_;
  std::map<std::pair<std::string, std::string>, Open> open_;  // by rule and verdict
  std::uint64_t held_ = 0;                                    // counted and not yet out
};

}  // namespace shrike::outputs
