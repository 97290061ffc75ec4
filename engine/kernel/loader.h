// SPDX-License-Identifier: Apache-2.0
// Loader owns the kernel programs: opens, sizes, loads, attaches what the rules need, reads their counters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/abi/event.h"
#include "engine/base/result.h"

namespace shrike::kernel {

inline constexpr std::size_t kEventTypes = EVENT_TYPE_COUNT;

// What the rules want to see. A value: comparable, made without a kernel.
struct CapturePlan {
  std::array<bool, kEventTypes> events{};  // by enum event_type
  bool failed_exec = false;                // execve and execveat that fail: seen by sys_exit only
  bool working_directory = false;          // with every event, not only exec

  bool needs_sys_exit() const;
  bool operator==(const CapturePlan&) const = default;
};

// One hook's counters, summed over CPUs, since load.
struct HookReport {
  std::uint8_t hook = 0;  // enum hook
  std::string_view name;  // "sys_exit"
  hook_counters counters{};
  std::uint64_t recursion_misses = 0;  // runs the kernel skipped because the program was active on that CPU
};

std::string_view hook_name(std::size_t hook);

// Called with one record, header first; borrowed for the call.
using RecordHandler = std::function<void(std::span<const std::byte>)>;

class Loader {
 public:
  struct Options {
    std::uint64_t verdicts_ring_bytes = 1U << 20U;  // powers of two, at least a page
    std::uint64_t processes_ring_bytes = 4U << 20U;
    std::uint64_t events_ring_bytes = 8U << 20U;
  };

  // Opens and loads; attaches nothing. Errors: kUnsupported with the kernel's reason if it refuses a program; kSystem.
  static Result<std::unique_ptr<Loader>> create(const Options& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Attaches what the plan needs and detaches what it does not; callable again while events flow: a table first allows what is
  // new, then forbids what is gone. Errors: kUnsupported; then what was attached stays.
  Result<void> want(const CapturePlan& plan);

  // Detaches everything. The counters stay readable.
  void detach();

  std::size_t attached_programs() const;

  // Runs the task iterator: one record of kind TASK per process. Errors: kSystem, kCorrupt.
  Result<void> read_tasks(const RecordHandler& handler);

  // Every hook that has a program attached in this tier. Errors: kSystem.
  Result<std::vector<HookReport>> counters() const;

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
