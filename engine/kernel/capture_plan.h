// SPDX-License-Identifier: Apache-2.0
// CapturePlan says what the rules want to see and decide, and which hooks need a program for it.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "bpf/abi/event.h"
#include "engine/program/kernel_plan.h"
#include "engine/program/program.h"

namespace shrike::kernel {

inline constexpr std::size_t kEventTypes = EVENT_TYPE_COUNT;

// A value: comparable, made without a kernel.
struct CapturePlan {
  bool full = false;                                 // LSM programs decide; else cgroup programs and, with SIGKILL, tracepoints
  std::array<bool, kEventTypes> events{};            // by enum event_type; told by sys_exit, exec by its tracepoint
  std::array<bool, kEventTypes> lsm_events{};        // allowed opens told by file_open, unless sys_exit tells the same call
  bool io_uring = false;                             // tracing tier: opens no system call makes
  bool failed_exec = false;                          // execve and execveat that fail: seen by sys_exit only
  bool working_directory = false;                    // with every event, not only exec
  std::array<bool, program::kOperations> decides{};  // operations some rule blocks or kills
  bool network_kills = false;                        // a kill rule is about connect, send or bind

  bool operator==(const CapturePlan&) const = default;
};

CapturePlan make_capture_plan(const program::Program& program, const program::KernelPlan& policy, bool full);

// Must `hook` (enum hook) have its program attached?
bool needs_hook(const CapturePlan& plan, std::size_t hook);

// What the capture of a tier can tell: types of enum event_type.
event::EventSet captured_events(bool full);

}  // namespace shrike::kernel
