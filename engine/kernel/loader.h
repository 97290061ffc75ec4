// SPDX-License-Identifier: Apache-2.0
// Loader owns the kernel programs: opens, sizes, loads, attaches what the rules need, reads their counters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/abi/event.h"
#include "engine/base/result.h"
#include "engine/kernel/capture_plan.h"
#include "engine/kernel/policy_map.h"
#include "engine/program/kernel_plan.h"

namespace shrike::kernel {

// One hook's counters, summed over CPUs, since load.
struct HookReport {
  std::uint8_t hook = 0;  // enum hook
  std::string_view name;  // "sys_exit"
  hook_counters counters{};
  std::uint64_t recursion_misses = 0;  // runs the kernel skipped because the program was active on that CPU
};

// Records bound for one ring, summed over CPUs, since load.
struct ClassReport {
  std::string_view name;  // "verdicts"; by enum record_class
  class_counters counters{};
};

// What a cgroup's processes lost, since load or since it was last forgotten. Id 0: those there was no room for.
struct CgroupReport {
  std::uint64_t id = 0;
  cgroup_share share{};
};

// Called with one record, header first; borrowed for the call.
using RecordHandler = std::function<void(std::span<const std::byte>)>;

class Loader {
 public:
  struct Options {
    bool full = false;  // LSM programs decide; else cgroup programs and, with SIGKILL, tracepoints (the tracing tier)
    int cgroup_fd =
        -1;  // tracing tier: the cgroup2 directory the network programs are attached to; borrowed. -1: they are not loaded
    std::uint64_t scope_cgroup = 0;                 // id of the cgroup decisions are about, with all below it; 0: the whole host
    std::uint32_t task_states = 1U << 18U;          // processes decisions remember; more are looked up in the kernel each time
    std::uint32_t policy_entries = 1U << 17U;       // of each of the policy's maps; a plan that needs more is refused
    std::uint64_t verdicts_ring_bytes = 1U << 20U;  // powers of two, at least a page
    std::uint64_t processes_ring_bytes = 8U << 20U;
    std::uint64_t events_ring_bytes = 8U << 20U;
    // Of the ring of events: filled beyond so much, no cgroup may have more than half of what is free. 100: no quota.
    std::uint32_t quota_above_percent = 50;
    std::uint32_t quota_cgroups = QUOTA_CGROUPS_MAX;  // told apart; more share one entry
    bool casts = true;                                // where can_cast(); false: read memory as on older kernels
  };

  // Opens and loads; attaches nothing. Errors: kUnsupported with the kernel's reason if it refuses a program; kSystem.
  static Result<std::unique_ptr<Loader>> create(const Options& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Attaches what the plans need, puts the policy in force, then detaches what they do not need; callable again while events
  // flow. No event and no decision falls between two calls. Errors: kUnsupported, kLimit, kSystem; then what was in force stays.
  Result<void> want(const CapturePlan& plan, const program::KernelPlan& policy = {});

  // The policy in force.
  PolicyMap& policy();

  // Detaches everything. The counters stay readable.
  void detach();

  std::size_t attached_programs() const;

  // Runs the task iterator: one record of kind TASK per process. Errors: kSystem, kCorrupt.
  Result<void> read_tasks(const RecordHandler& handler);

  // What the kernel knows open descriptors of ours as, in their order. Errors: kSystem, kCorrupt.
  Result<std::vector<Identity>> identify(const std::vector<int>& fds);

  // Every hook that has a program in this tier. Errors: kSystem.
  Result<std::vector<HookReport>> counters() const;

  // By enum record_class. Errors: kSystem.
  Result<std::array<ClassReport, CLASS_COUNT>> class_counters() const;

  // Every cgroup that was asked for its share or lost a record. Errors: kSystem.
  Result<std::vector<CgroupReport>> cgroup_shares() const;
  // Takes out the entry of a cgroup that is gone, and returns what it held to the last.
  std::optional<CgroupReport> forget_cgroup(std::uint64_t id);

  // verdicts, processes, events; open for as long as the loader lives.
  std::array<int, 3> ring_fds() const;

  // Instructions the verifier walked per program, in the object's order; for tests.
  struct Verified {
    std::string_view program;
    std::uint32_t instructions = 0;
  };
  std::vector<Verified> verified_instructions() const;

 private:
  struct State;
  explicit Loader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shrike::kernel
