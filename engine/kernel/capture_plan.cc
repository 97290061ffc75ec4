// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/capture_plan.h"

#include <algorithm>
#include <iterator>

#include "engine/kernel/syscalls.h"

namespace shrike::kernel {
namespace {

using program::Operation;

bool is_open(std::size_t type) {
  return (type >= EVENT_TYPE_OPEN && type <= EVENT_TYPE_CREAT) || type == EVENT_TYPE_OPEN_BY_HANDLE_AT;
}
bool is_exec(std::size_t type) { return type == EVENT_TYPE_EXECVE || type == EVENT_TYPE_EXECVEAT; }

bool decides(const CapturePlan& plan, Operation operation) { return plan.decides[static_cast<std::size_t>(operation)]; }

bool needs_sys_exit(const CapturePlan& plan) {
  if (!plan.full && (plan.network_kills || decides(plan, Operation::kOpen))) return true;
  for (std::size_t type = 1; type < plan.events.size(); ++type) {
    if (plan.events[type] && (!is_exec(type) || plan.failed_exec)) return true;
  }
  return false;
}

// Events that can carry what CAPTURE_DATA asks for.
event::EventSet types_with_data() {
  event::EventSet set;
  for (const auto type : {EVENT_TYPE_SENDTO, EVENT_TYPE_SENDMSG, EVENT_TYPE_SENDMMSG, EVENT_TYPE_RECVFROM, EVENT_TYPE_RECVMSG,
                          EVENT_TYPE_INIT_MODULE})
    set.set(type);
  return set;
}

// A parameter by its position may be any.
bool shows_data(const event::FieldUse& use) {
  static constexpr std::string_view kWhole[] = {"evt.buffer", "evt.args", "evt.info"};
  static constexpr std::string_view kParams[] = {"data", "msgcontrol", "img"};
  if (std::ranges::find(kWhole, use.field->name) != std::end(kWhole)) return true;
  if (use.field->name != "evt.arg" && use.field->name != "evt.rawarg") return false;
  return std::ranges::find(kParams, use.argument.text) != std::end(kParams) || use.argument.index.has_value();
}

}  // namespace

CapturePlan make_capture_plan(const program::Program& program, const program::KernelPlan& policy, bool full) {
  CapturePlan plan;
  plan.full = full;
  const event::EventSet wanted = program.wanted_events();
  const bool results = program.wants_open_results();
  const event::EventSet captured = captured_events();
  for (std::size_t type = 1; type < EVENT_TYPE_COUNT; ++type) {
    const bool told_by_lsm = full && is_open(type);
    plan.lsm_events[type] = wanted.test(type) && told_by_lsm;
    plan.events[type] = wanted.test(type) && captured.test(type) && (!told_by_lsm || results);
  }
  const event::EventSet generic = program.named_events() & generic_events();
  for (std::size_t type = EVENT_TYPE_COUNT; type < plan.events.size(); ++type) plan.events[type] = generic.test(type);
  plan.io_uring = !full && program.opening_is_opening && (wanted.test(EVENT_TYPE_OPENAT) || wanted.test(EVENT_TYPE_OPENAT2));
  plan.failed_exec = program.wants_failed_exec();
  // An exec that succeeds has it anyway.
  event::EventSet with_cwd = event::all_event_types();
  if (!plan.failed_exec) {
    with_cwd.reset(EVENT_TYPE_EXECVE);
    with_cwd.reset(EVENT_TYPE_EXECVEAT);
  }
  plan.working_directory = program.uses_field("proc.cwd", with_cwd);
  plan.data = program.uses_field(shows_data, types_with_data());
  for (std::size_t o = 0; o < program::kOperations; ++o) plan.decides[o] = policy.operation[o].any();
  for (const program::KernelPlan::Clause& clause : policy.clauses) {
    const bool network = clause.operation != Operation::kExec && clause.operation != Operation::kOpen;
    plan.network_kills = plan.network_kills || (network && policy.rules[clause.rule].kill);
  }
  return plan;
}

bool needs_hook(const CapturePlan& plan, std::size_t hook) {
  switch (hook) {
    case HOOK_SCHED_PROCESS_EXIT:
    case HOOK_SCHED_PROCESS_FORK:
    case HOOK_SCHED_PROCESS_EXEC:
      return true;
    case HOOK_SYS_EXIT:
      return needs_sys_exit(plan);
    case HOOK_BPRM_CREDS_FROM_FILE:
      return plan.full && decides(plan, Operation::kExec);
    case HOOK_FILE_OPEN:
      return plan.full && (decides(plan, Operation::kOpen) || std::ranges::find(plan.lsm_events, true) != plan.lsm_events.end());
    case HOOK_PATH_MKNOD:
      return plan.full && decides(plan, Operation::kOpen);
    case HOOK_SOCKET_CONNECT:
      return plan.full && decides(plan, Operation::kConnect);
    case HOOK_SOCKET_SENDMSG:  // TCP Fast Open connects there
      return plan.full && (decides(plan, Operation::kSend) || decides(plan, Operation::kConnect));
    case HOOK_SOCKET_BIND:
      return plan.full && decides(plan, Operation::kBind);
    case HOOK_CGROUP_CONNECT:
      return !plan.full && decides(plan, Operation::kConnect);
    case HOOK_CGROUP_SENDMSG:
      return !plan.full && decides(plan, Operation::kSend);
    case HOOK_CGROUP_BIND:
      return !plan.full && decides(plan, Operation::kBind);
    case HOOK_IO_URING:
      return plan.io_uring;
    default:
      return false;
  }
}

event::EventSet captured_events() {
  event::EventSet set;
  for (std::size_t type = 1; type < EVENT_TYPE_COUNT; ++type) set.set(type);
  return set;
}

event::EventSet generic_events() {
  event::EventSet set;
  for (const Syscall& call : syscalls()) {
    const auto type = event::find_event_type(call.name);
    if (type && event::index(*type) >= EVENT_TYPE_COUNT) set.set(event::index(*type));
  }
  return set;
}

}  // namespace shrike::kernel
