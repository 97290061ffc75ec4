// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/capture_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/compile/compile.h"
#include "engine/kernel/syscalls.h"
#include "tests/support/world.h"

namespace shrike::kernel {
namespace {

CapturePlan plan_of(const std::string& condition, bool full, const std::string& output = "x") {
  program::Program program = test::compile_text(test::one_rule(condition, output));
  compile::assess(program, {.events = captured_events(), .generic = generic_events()});
  return make_capture_plan(program, {}, full);
}

std::string hooks_of(const CapturePlan& plan) {
  std::string text;
  for (const auto& [hook, name] : {std::pair{HOOK_SYS_EXIT, "sys_exit"}, {HOOK_FILE_OPEN, "file_open"}}) {
    if (needs_hook(plan, hook)) text += (text.empty() ? "" : " ") + std::string(name);
  }
  return text;
}

// What needs no result and no failed call costs no system call anything in the full tier.
TEST(CapturePlan, AttachesSysExitOnlyForWhatNothingElseTells) {
  struct Row {
    const char *condition, *full, *tracing;
  };
  static const Row kRows[] = {
      {"evt.type in (execve, execveat) and evt.res = SUCCESS and proc.name = x", "", ""},
      {"evt.type in (execve, execveat) and proc.name = x", "sys_exit", "sys_exit"},  // a failed one, too
      {"evt.type in (open, openat, openat2) and fd.num >= 0 and fd.name = /etc/shadow", "file_open", "sys_exit"},
      {"evt.type in (open, openat, openat2) and fd.name = /etc/shadow", "sys_exit file_open", "sys_exit"},
      {"evt.type = openat and fd.num >= 0 and evt.arg.flags contains O_CREAT", "sys_exit file_open", "sys_exit"},
      {"evt.type = open_by_handle_at and fd.num >= 0 and fd.name = /etc/shadow", "file_open", "sys_exit"},
      {"evt.type = connect and fd.sport = 80", "sys_exit", "sys_exit"},
      {"evt.type = unlink and evt.res = SUCCESS", "sys_exit", "sys_exit"},
      {"evt.type = setuid", "sys_exit", "sys_exit"},
      {"evt.type = mount", "sys_exit", "sys_exit"},
      {"evt.type = exit_group", "", ""},
      {"evt.type = container", "", ""},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(hooks_of(plan_of(row.condition, true)), row.full) << row.condition;
    EXPECT_EQ(hooks_of(plan_of(row.condition, false)), row.tracing) << row.condition;
  }
}

TEST(CapturePlan, WantsGenericCallsOnlyByName) {
  const auto mount = event::index(*event::find_event_type("mount"));
  const auto wants = [](const std::string& condition, std::size_t type) { return plan_of(condition, false).events[type]; };
  EXPECT_TRUE(wants("evt.type in (mount, connect)", mount));
  EXPECT_FALSE(wants("evt.type = connect", mount));
  EXPECT_FALSE(wants("proc.name = x", mount)) << "no event is named: what has parameters is told";
  EXPECT_TRUE(wants("proc.name = x", EVENT_TYPE_CONNECT));
  EXPECT_FALSE(wants("evt.type != connect and proc.name = x", mount));
}

TEST(CapturePlan, CopiesDataOnlyForRulesThatAsk) {
  EXPECT_FALSE(plan_of("evt.type = sendto and fd.sport = 80", false).data);
  EXPECT_FALSE(plan_of("evt.type = sendto", false, "%evt.arg.size").data);
  EXPECT_FALSE(plan_of("evt.type = ptrace and evt.arg.data exists", false).data) << "that is a register";
  EXPECT_TRUE(plan_of("evt.type = sendto", false, "%evt.arg.data").data);
  EXPECT_TRUE(plan_of("evt.type = recvmsg", false, "%evt.args").data);
  EXPECT_TRUE(plan_of("evt.type = recvmsg", false, "%evt.arg[4]").data);
  EXPECT_TRUE(plan_of("evt.type in (sendto, sendmsg)", false, "%evt.buffer").data);
}

// Every type but open_by_handle_at has its numbers; no number is two calls'.
TEST(Syscalls, AreTold) {
  std::set<std::string_view> names;
  std::set<int> numbers64, numbers32;
  for (const Syscall& call : syscalls()) {
    EXPECT_TRUE(event::find_event_type(call.name)) << call.name;
    names.insert(call.name);
    EXPECT_TRUE(call.x86_64 == Syscall::kNoNumber || numbers64.insert(call.x86_64).second) << call.name;
    EXPECT_TRUE(call.ia32 == Syscall::kNoNumber || numbers32.insert(call.ia32).second) << call.name;
    EXPECT_TRUE(call.x86_64 == Syscall::kNoNumber || call.x86_64 < SYSCALL_NR_MAX) << call.name;
    EXPECT_TRUE(call.ia32 == Syscall::kNoNumber || call.ia32 < SYSCALL_NR_MAX) << call.name;
  }
  for (const std::string_view name : socketcalls().subspan(1)) EXPECT_TRUE(event::find_event_type(name)) << name;
  for (std::size_t type = 1; type < EVENT_TYPE_COUNT; ++type) {
    EXPECT_TRUE(type == EVENT_TYPE_OPEN_BY_HANDLE_AT || names.contains(event::event_types()[type].name)) << type;
  }
}

}  // namespace
}  // namespace shrike::kernel
