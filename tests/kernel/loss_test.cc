// SPDX-License-Identifier: Apache-2.0
// Nothing is lost uncounted: a flood into small rings nobody reads.
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

class Loss : public KernelTest {
 protected:
  // Numbers seen, by hook and CPU. Not always rising: a program can be preempted between its number and its record.
  std::map<std::pair<unsigned, unsigned>, std::set<std::uint64_t>> seen_;

  void drain() {
    source_->set_settle(false);
    while (const auto raw = source_->next()) {
      const Record record(raw->bytes);
      std::set<std::uint64_t>& numbers = seen_[{record.header().hook, record.header().cpu}];
      EXPECT_TRUE(numbers.insert(record.header().seq).second) << "none twice";
    }
  }

  std::uint64_t delivered(unsigned hook) const {
    std::uint64_t sum = 0;
    for (const auto& [key, numbers] : seen_) sum += key.first == hook ? numbers.size() : 0;
    return sum;
  }

  std::uint64_t holes(unsigned hook) const {
    std::uint64_t sum = 0;
    for (const auto& [key, numbers] : seen_) sum += key.first == hook ? *numbers.rbegin() + 1 - numbers.size() : 0;
    return sum;
  }
};

// system() waits for the deed, but not for us to read: so run() can't be used here.
void run_unread(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0); }

TEST_F(Loss, IsCountedExactly) {
  const char* wanted = std::getenv("SHRIKE_FLOOD");
  const std::uint64_t flood = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 200'000;
  kernel::CapturePlan plan;
  plan.events[EVENT_TYPE_OPEN] = true;
  load({.verdicts_ring_bytes = 4096, .processes_ring_bytes = 65536, .events_ring_bytes = 65536}, plan);
  std::ofstream(path("file")) << "x";
  const std::string deeds = std::string(SHRIKE_DEEDS);
  run_unread(deeds + "/deed_flood " + std::to_string(flood) + " " + path("file"));
  drain();

  // A last delivered record on each CPU makes every hole visible.
  for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); ++cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0) continue;  // offline: nothing was made there
    run_unread(deeds + "/deed_open open - " + path("file") + " 0 >/dev/null");
  }
  loader_->detach();
  drain();

  const auto reports = loader_->counters();
  ASSERT_TRUE(reports.has_value());
  for (const kernel::HookReport& report : *reports) {
    SCOPED_TRACE(report.name);
    const std::uint64_t lost = report.counters.lost_ring_full + report.counters.lost_no_scratch + report.counters.lost_quota;
    EXPECT_EQ(report.counters.produced, delivered(report.hook) + lost);
    EXPECT_EQ(report.recursion_misses, 0U);
    if (report.hook != HOOK_SYS_EXIT) continue;
    EXPECT_EQ(holes(report.hook), lost);
    EXPECT_GE(report.counters.produced, flood / 2) << "the deed shares its number among the CPUs, and rounds";
    EXPECT_GT(lost, 0U) << "no flood, no test";
    RecordProperty("lost", std::to_string(lost));
  }
}

// The other way round: with a reader, a ring of this size loses nothing, and what comes is in order of time.
TEST_F(Loss, DoesNotHappenToAReaderThatReads) {
  std::ofstream(path("file")) << "x";
  std::uint64_t last_ns = 0;
  for (int i = 0; i < 20; ++i) {
    const Deed deed = run("open", {"open", "-", path("file"), "0"});
    for (const Record& record : deed.records) {
      EXPECT_GE(record.header().time_ns, last_ns);
      last_ns = record.header().time_ns;
    }
  }
  const auto reports = loader_->counters();
  ASSERT_TRUE(reports.has_value());
  for (const kernel::HookReport& report : *reports)
    EXPECT_EQ(report.counters.lost_ring_full + report.counters.lost_no_scratch, 0U) << report.name;
}

}  // namespace
}  // namespace shrike::test
