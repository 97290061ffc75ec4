// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/enricher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/containers.h"

namespace shrike::enrich {
namespace {

using event::ProcessChange;

class NoCgroups final : public CgroupReader {
 public:
  std::optional<std::string> read(std::uint64_t) override { return std::string(); }
};

// A /proc of our own, and records that get lost on their way.
class EnricherTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(root_); }

  static constexpr std::uint64_t kTickNs = 10'000'000;

  void proc(std::uint32_t pid, std::uint64_t start_ns, std::uint32_t ppid, const std::string& comm) {
    const auto directory = root_ / std::to_string(pid);
    std::filesystem::create_directories(directory);
    const std::uint64_t ticks = start_ns / (1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
    std::ofstream(directory / "stat") << pid << " (x) S " << ppid << " 11 12 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " << ticks << " 0\n";
    std::ofstream(directory / "comm") << comm << '\n';
    std::ofstream(directory / "cmdline") << comm << '\0' << "now" << '\0';
    std::ofstream(directory / "environ") << "WHO=" << comm << '\0';
  }

  event::Event record(std::uint32_t pid, std::uint64_t start_ns, std::uint32_t exec_id) {
    event::Event event;
    event.pid = event.tid = pid;
    event.start_ns = start_ns;
    event.exec_id = exec_id;
    return event;
  }
  event::Event change(ProcessChange::Kind kind, std::uint32_t pid, std::uint64_t start_ns, std::uint32_t exec_id,
                      std::uint32_t parent, std::uint64_t parent_start_ns, std::string_view comm) {
    event::Event event = record(pid, start_ns, exec_id);
    ProcessChange change;
    change.kind = kind;
    change.parent_pid = event.ppid = parent;
    change.parent_start_ns = parent_start_ns;
    change.comm = comm;
    event.payload = change;
    return event;
  }
  const event::Process* enrich(event::Event event) {
    enricher_.enrich(event);
    return event.process;
  }

  std::filesystem::path root_ = std::filesystem::temp_directory_path() / ("shrike-enricher-" + std::to_string(getpid()));
  NoCgroups no_cgroups_;
  Cgroups cgroups_{no_cgroups_};
  ProcessTable table_;
  ProcReader proc_{root_.string()};
  test::NoContainerFiles no_containers_;
  Containers containers_{no_containers_};
  Enricher enricher_{table_, proc_, cgroups_, containers_};
};

TEST_F(EnricherTest, AnExecWhoseRecordWasLostIsLookedUp) {
  enrich(change(ProcessChange::Kind::kExec, 7, 20 * kTickNs, 3, 1, kTickNs, "sh"));
  proc(7, 20 * kTickNs, 1, "nc");
  EXPECT_EQ(enrich(record(7, 20 * kTickNs, 3))->image->comm(), "sh");
  EXPECT_EQ(enrich(record(7, 20 * kTickNs, 2))->image->comm(), "sh") << "from before its exec";
  EXPECT_EQ(enricher_.counters().recovered, 0U);
  const event::Process* process = enrich(record(7, 20 * kTickNs, 4));
  EXPECT_EQ(process->image->comm(), "nc");
  EXPECT_EQ(process->image->args(), "now");
  EXPECT_EQ(enrich(record(7, 20 * kTickNs, 4))->image->comm(), "nc");
  EXPECT_EQ(enricher_.counters().recovered, 1U) << "once";
  EXPECT_EQ(enrich(change(ProcessChange::Kind::kExec, 7, 20 * kTickNs, 4, 1, kTickNs, "late"))->image->comm(), "late")
      << "the record came after all";
}

TEST_F(EnricherTest, TheCountOfExecsMayGoRound) {
  enrich(change(ProcessChange::Kind::kExec, 7, 20 * kTickNs, 0xffffffff, 1, kTickNs, "sh"));
  proc(7, 20 * kTickNs, 1, "nc");
  EXPECT_EQ(enrich(record(7, 20 * kTickNs, 0))->image->comm(), "nc");
}

TEST_F(EnricherTest, WhatAProcessRanThatIsGoneIsUnknownNotOld) {
  enrich(change(ProcessChange::Kind::kExec, 7, 20 * kTickNs, 3, 1, kTickNs, "sh"));
  EXPECT_EQ(enrich(record(7, 20 * kTickNs, 4))->image->comm(), "<NA>");
  proc(7, 30 * kTickNs, 1, "another");
  EXPECT_EQ(enrich(record(7, 20 * kTickNs, 5))->image->comm(), "<NA>") << "its pid is another's";
  EXPECT_EQ(enricher_.counters().recovered, 0U);
}

TEST_F(EnricherTest, AChildOfOneWhoseExecWasLostRunsWhatThatRuns) {
  enrich(change(ProcessChange::Kind::kExec, 7, 20 * kTickNs, 3, 1, kTickNs, "sh"));
  proc(7, 20 * kTickNs, 1, "nc");
  const event::Process* child = enrich(change(ProcessChange::Kind::kFork, 8, 30 * kTickNs, 4, 7, 20 * kTickNs, "nc"));
  EXPECT_EQ(child->image->comm(), "nc");
  EXPECT_EQ(child->parent_image->comm(), "nc");
  EXPECT_EQ(child->exec_id, 4U);
}

TEST_F(EnricherTest, AParentWhoseForkWasLostIsLookedUp) {
  enrich(change(ProcessChange::Kind::kExec, 2, 10 * kTickNs, 1, 1, kTickNs, "init"));
  proc(7, 20 * kTickNs, 2, "sh");
  const event::Process* child = enrich(change(ProcessChange::Kind::kFork, 8, 30 * kTickNs, 4, 7, 20 * kTickNs, "x"));
  ASSERT_NE(child->parent, nullptr);
  EXPECT_EQ(child->parent_image->comm(), "sh");
  EXPECT_EQ(child->parent->parent, table_.find(2));
  EXPECT_EQ(child->parent->pgid, 0U) << "a child begins in its parent's group: the record's";
  EXPECT_EQ(table_.counters().parent_unknown, 0U);
}

TEST_F(EnricherTest, WithNeitherItIsCounted) {
  EXPECT_NE(enrich(change(ProcessChange::Kind::kFork, 8, 30 * kTickNs, 4, 7, 20 * kTickNs, "x")), nullptr);
  EXPECT_EQ(table_.counters().parent_unknown, 1U);
  EXPECT_EQ(enrich(record(9, 40 * kTickNs, 1)), nullptr);
  EXPECT_EQ(enricher_.counters().unknown, 1U);
}

TEST_F(EnricherTest, EnvironmentsOfThoseThatWereThereAreReadWhereARuleAsks) {
  proc(7, 20 * kTickNs, 1, "sh");
  const auto found = change(ProcessChange::Kind::kExisting, 7, 20 * kTickNs, 3, 1, kTickNs, "sh");
  EXPECT_FALSE(enrich(found)->image->environment().known);
  enricher_.capture_environments(true);
  const event::Process* process = enrich(found);
  EXPECT_EQ(process->image->environment().find("WHO"), "sh");
  EXPECT_EQ(process->image->args(), "now") << "the rest stays";
  proc(7, 20 * kTickNs, 1, "changed");
  EXPECT_EQ(enrich(found)->image->environment().find("WHO"), "sh") << "read once";
}

TEST_F(EnricherTest, AnEnvironmentNobodyAskedForIsNotCut) {
  event::Event exec = change(ProcessChange::Kind::kExec, 7, 20 * kTickNs, 3, 1, kTickNs, "sh");
  std::get<ProcessChange>(exec.payload).environment_total = 100;
  EXPECT_FALSE(enrich(exec)->image->environment().truncated());
  enricher_.capture_environments(true);
  EXPECT_TRUE(enrich(exec)->image->environment().truncated()) << "asked for, and not in the record yet";
}

TEST_F(EnricherTest, AnEmptyEnvironmentIsKnown) {
  enricher_.capture_environments(true);
  const event::Process* process = enrich(change(ProcessChange::Kind::kExec, 7, 20 * kTickNs, 3, 1, kTickNs, "sh"));
  EXPECT_TRUE(process->image->environment().known);
  EXPECT_FALSE(process->image->environment().truncated());
}

}  // namespace
}  // namespace shrike::enrich
