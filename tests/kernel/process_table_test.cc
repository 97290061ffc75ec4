// SPDX-License-Identifier: Apache-2.0
// The process table, fed by the real kernel: who descends from whom, however a process came to be.
#include "engine/enrich/process_table.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "engine/base/clock.h"
#include "engine/decode/decode.h"
#include "engine/enrich/enricher.h"
#include "tests/support/containers.h"
#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

using testing::ElementsAre;

class NoCgroups final : public enrich::CgroupReader {
 public:
  std::optional<std::string> read(std::uint64_t) override { return std::string(); }
};

class RealProcessTable : public KernelTest {
 protected:
  void SetUp() override {
    prepare();
    if (IsSkipped()) return;
    kernel::CapturePlan plan = everything();
    plan.working_directory = plan.environment = plan.group = true;
    load({}, plan);
    enricher_.capture_environments(true);
    table_.begin_scan();
    const std::uint64_t start_ns = boot_time_ns();
    ASSERT_TRUE(loader_->read_tasks([&](std::span<const std::byte> record) { take(record); }).has_value());
    table_.end_scan(start_ns);
  }

  event::Event take(std::span<const std::byte> record) {
    auto event = decode::decode(record, clock_);
    EXPECT_TRUE(event.has_value());
    enricher_.enrich(*event);
    return *std::move(event);
  }

  // Does `family HOW`, and gives the table every record of it but those `lost` is true of. `seen` is called after each.
  Deed be(const std::vector<std::string>& arguments, const std::function<void(const event::Event&)>& seen,
          const std::function<bool(const Record&)>& lost = {}) {
    Deed deed = run("family", arguments);
    EXPECT_EQ(deed.exit_code, 0);
    std::vector<Record> all = others();
    all.insert(all.end(), deed.records.begin(), deed.records.end());
    std::ranges::stable_sort(all, {}, [](const Record& record) { return record.header().time_ns; });
    for (const Record& record : all) {
      if (record.header().time_ns <= fed_ns_) continue;  // of a deed before
      fed_ns_ = record.header().time_ns;
      if (lost && lost(record)) continue;
      seen(take({reinterpret_cast<const std::byte*>(&record.header()), record.header().size}));
    }
    while (waitpid(-1, nullptr, WNOHANG) > 0) {  // clone_parent's child is ours
    }
    return deed;
  }

  // The leaf's pid and those of its ancestors up to the deed, as the table had them when the leaf began its program.
  std::vector<std::uint32_t> leaf_of(const std::string& how, const std::function<bool(const Record&)>& lost = {}) {
    std::vector<std::uint32_t> pids;
    sessions_.clear();
    std::uint32_t top = 0;
    const Deed deed = be(
        {how},
        [&](const event::Event& event) {
          if (event.type != event::EventType::kExecve || event.process == nullptr) return;
          if (event.process->image->args() == how) top = event.pid;
          if (event.process->image->args() != "leaf") return;
          leaf_ = event.process->image;
          session_ = event.sid;
          comms_.clear();
          for (const event::Process* at = event.process; at != nullptr; at = at->parent) {
            pids.push_back(at->pid);
            sessions_.push_back(at->sid);
            comms_.emplace_back(at->image->comm());
            if (at->pid == top) break;
          }
        },
        lost);
    std::istringstream words(deed.output);
    expected_.clear();
    for (std::uint32_t pid = 0; words >> pid;) expected_.push_back(pid);
    expected_.push_back(static_cast<std::uint32_t>(deed.pid));
    return pids;
  }

  NoCgroups cgroup_reader_;
  enrich::Cgroups cgroups_{cgroup_reader_};
  enrich::ProcessTable table_;
  enrich::ProcReader proc_;
  test::NoContainerFiles no_containers_;
  enrich::Containers containers_{no_containers_};
  enrich::Enricher enricher_{table_, proc_, cgroups_, containers_};
  WallClock clock_;
  std::uint64_t fed_ns_ = 0;
  std::shared_ptr<const event::Image> leaf_;
  std::uint32_t session_ = 0;
  std::vector<std::uint32_t> sessions_, expected_;
  std::vector<std::string> comms_;
};

TEST_F(RealProcessTable, KnowsWhoForkedWhom) {
  for (const char* how : {"vfork", "clone_parent", "orphan", "reaped", "session", "renamed"}) {
    EXPECT_EQ(leaf_of(how), expected_) << how;
    EXPECT_EQ(expected_.size(), how == std::string("vfork") || how == std::string("clone_parent") ? 2U : 3U) << how;
  }
}

TEST_F(RealProcessTable, ASessionIsKnownOfWhomOnlyTheChildTells) {
  leaf_of("session");
  ASSERT_GE(sessions_.size(), 3U);
  EXPECT_EQ(sessions_[1], expected_[1]) << "the middle one, which made it and did nothing else that is recorded";
  EXPECT_EQ(session_, expected_[1]);
}

TEST_F(RealProcessTable, ANameOfOnesOwnIsNotBelieved) {
  leaf_of("renamed");
  EXPECT_THAT(comms_, ElementsAre("deed_family", "deed_family", "deed_family"));
}

TEST_F(RealProcessTable, TheEnvironmentIsThatOfExec) {
  leaf_of("vfork");
  ASSERT_NE(leaf_, nullptr);
  const event::Environment& environment = leaf_->environment();
  EXPECT_TRUE(environment.known);
  EXPECT_EQ(environment.find("FAMILY"), "leaf");
  EXPECT_EQ(environment.find("EMPTY"), "");
  EXPECT_EQ(environment.find("FAM"), std::nullopt);
  EXPECT_EQ(environment.bytes, std::string("FAMILY=leaf\0EMPTY=\0", 19));
  EXPECT_FALSE(environment.truncated());
}

TEST_F(RealProcessTable, SaysWhatTheProcessMayUse) {
  leaf_of("vfork");
  ASSERT_NE(leaf_, nullptr);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_TRUE(leaf_->usage().known);
  EXPECT_EQ(leaf_->usage().fd_limit, limit.rlim_cur);
  EXPECT_GT(leaf_->usage().vm_size_kib, 100U);
  EXPECT_LT(leaf_->usage().vm_size_kib, 1'000'000U);
  EXPECT_LE(leaf_->usage().vm_rss_kib, leaf_->usage().vm_size_kib);
  EXPECT_EQ(leaf_->usage().vm_swap_kib, 0U);
  EXPECT_GT(leaf_->usage().minor_faults, 0U);
}

TEST_F(RealProcessTable, GroupAndDirectoryAreThoseOfTheEvent) {
  const std::string directory = directory_.string();
  bool seen = false;
  be({"group", directory}, [&](const event::Event& event) {
    const auto* open = std::get_if<event::Open>(&event.payload);
    if (open == nullptr || open->path != directory + "/here") return;
    seen = true;
    ASSERT_NE(event.process, nullptr);
    EXPECT_EQ(event.pgid, event.pid) << "made after exec";
    EXPECT_EQ(event.process->pgid, event.pid);
    EXPECT_EQ(event.vtid, event.process->vpid);
    EXPECT_EQ(event.cwd, directory);
    EXPECT_NE(event.process->image->cwd(), directory + "/");
  });
  EXPECT_TRUE(seen);
}

// Of the middle one nothing is left to be found: but the leaf is not given to whoever adopted it.
TEST_F(RealProcessTable, AForkThatIsLostCutsTheLineAndIsCounted) {
  bool first = true;
  const auto pids = leaf_of("orphan", [&](const Record& record) {
    const bool of_family =
        record.header().kind == EVENT_KIND_FORK && record.as<event_process>().comm == std::string("deed_family");
    return of_family && std::exchange(first, false);
  });
  EXPECT_THAT(pids, ElementsAre(expected_.front()));
  EXPECT_GE(table_.counters().parent_unknown, 1U);
  EXPECT_THAT(comms_, ElementsAre("deed_family"));
}

// The exec of the deed itself: the next record of the process tells that one is missing.
TEST_F(RealProcessTable, AnExecThatIsLostIsNoticedByTheNextRecord) {
  bool seen = false;
  const std::string directory = directory_.string();
  be(
      {"group", directory},
      [&](const event::Event& event) {
        const auto* open = std::get_if<event::Open>(&event.payload);
        if (open == nullptr || open->path != directory + "/here") return;
        seen = true;
        ASSERT_NE(event.process, nullptr);
        EXPECT_EQ(event.process->image->comm(), "<NA>") << "gone by now: nothing is better than the old program";
      },
      [&](const Record& record) { return record.header().kind == EVENT_KIND_EXEC; });
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace shrike::test
