// SPDX-License-Identifier: Apache-2.0
// LossMonitor turns the kernel's counters into alerts: what was produced, what arrived, what was lost, per hook.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/act/alert.h"

namespace shrike::pipeline {

// One hook, since start. Once the rings are drained: produced = delivered + ring_full + no_scratch.
struct HookLoss {
  std::string hook;
  std::uint64_t produced = 0;
  std::uint64_t delivered = 0;
  std::uint64_t ring_full = 0;
  std::uint64_t no_scratch = 0;
  std::uint64_t missed = 0;  // runs the kernel skipped because the program was active on that CPU: never produced

  std::uint64_t lost() const { return ring_full + no_scratch + missed; }
  // Produced, and neither delivered nor lost: still in a ring. 0 once they are drained.
  std::uint64_t waiting() const {
    const std::uint64_t known = delivered + ring_full + no_scratch;
    return produced > known ? produced - known : 0;
  }
};

class LossMonitor {
 public:
  // A notice if more was lost since the last call, with the figures of every hook that lost and the totals since start.
  // `corrupt`: records that arrived and could not be decoded, or not be explained; each is a lost event too.
  std::optional<act::Alert> check(std::span<const HookLoss> hooks, std::uint64_t corrupt, std::uint64_t time_ns,
                                  const std::string& hostname);

 private:
  std::uint64_t reported_ = 0;
};

}  // namespace shrike::pipeline
