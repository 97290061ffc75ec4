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

// A value: comparable, made without a kernel.
struct CapturePlan {
  bool full = false;                                 // LSM programs decide; else cgroup programs and, with SIGKILL, tracepoints
  std::array<bool, event::kEventTypeMax> events{};   // by event::EventType; told by sys_exit, exec by its tracepoint
  std::array<bool, EVENT_TYPE_COUNT> lsm_events{};   // allowed opens told by file_open, unless sys_exit tells the same call
  bool io_uring = false;                             // tracing tier: opens no system call makes
  bool failed_exec = false;                          // execve and execveat that fail: seen by sys_exit only
  bool working_directory = false;                    // with every event, not only exec
  bool data = false;                                 // what sends and receives transfer, and the image of a module
  bool environment = false;                          // with exec
  bool group = false;                                // process group and thread id of its own pid namespace, with every event
  std::array<bool, program::kOperations> decides{};  // operations some rule blocks or kills
  bool network_kills = false;                        // a kill rule is about connect, send or bind

  bool operator==(const CapturePlan&) const = default;
};

CapturePlan make_capture_plan(const program::Program& program, const program::KernelPlan& policy, bool full);

// Must `hook` (enum hook) have its program attached?
bool needs_hook(const CapturePlan& plan, std::size_t hook);

// What the capture of a tier can tell with its parameters: types of enum event_type.
event::EventSet captured_events();

// What the tracing tier can't see of it.
inline constexpr std::string_view kIoUringLimit =
    "io_uring: its opens are seen, but not the name of one that failed, nor one whose completion finds the ring full; of one "
    "that "
    "asks for no completion the name is told as passed, its success assumed. Its connects and all else it does are not seen";

// Every other call: told as generic events, by name alone, and only to rules that name event types.
event::EventSet generic_events();

}  // namespace shrike::kernel
