// SPDX-License-Identifier: Apache-2.0
// LossMonitor turns the kernel's counters into alerts: what was produced, what arrived, what was lost, per hook, class and
// cgroup.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/act/alert.h"

namespace shrike::pipeline {

// Records since start. Once the rings are drained: produced = delivered + ring_full + no_scratch + quota.
struct LossCounts {
  std::uint64_t produced = 0;
  std::uint64_t delivered = 0;
  std::uint64_t ring_full = 0;
  std::uint64_t no_scratch = 0;
  std::uint64_t quota = 0;   // of a cgroup that had its share of the ring
  std::uint64_t missed = 0;  // runs the kernel skipped because the program was active on that CPU: never produced

  std::uint64_t lost() const { return ring_full + no_scratch + quota + missed; }
  // Produced, and neither delivered nor lost: still in a ring. 0 once they are drained.
  std::uint64_t waiting() const {
    const std::uint64_t known = delivered + ring_full + no_scratch + quota;
    return produced > known ? produced - known : 0;
  }
};

struct HookLoss {
  std::string hook;
  LossCounts counts = {};
};

// The records bound for one ring: "verdicts", "processes", "events". Runs that were skipped have no ring.
struct ClassLoss {
  std::string name;
  LossCounts counts = {};
};

// What the processes of one cgroup lost since start, to the quota or to a full ring.
struct CgroupLoss {
  std::string path;
  std::uint64_t lost = 0;
};

struct Losses {
  std::vector<HookLoss> hooks = {};
  std::vector<ClassLoss> classes = {};
  std::vector<CgroupLoss> cgroups = {};  // those that lost; each path once
  std::uint64_t corrupt = 0;  // records that arrived and could not be decoded, or not be explained; each is a lost event

  std::uint64_t lost() const;
};

class LossMonitor {
 public:
  static constexpr std::size_t kCgroupsNamed = 5;

  // A notice if more was lost since the last call: how much, of which class, by which cgroups most; the figures of every hook
  // that lost, and the totals since start.
  std::optional<act::Alert> check(const Losses& losses, std::uint64_t time_ns, const std::string& hostname);

 private:
  std::vector<std::string> name_cgroups(const std::vector<CgroupLoss>& cgroups);

  std::uint64_t reported_ = 0;
  std::map<std::string, std::uint64_t> classes_;  // lost, as last reported
  std::map<std::string, std::uint64_t> cgroups_;  // likewise
};

}  // namespace shrike::pipeline
