// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/process_table.h"

#include <gtest/gtest.h>

namespace shrike::enrich {
namespace {

using event::ProcessChange;

// Records as the kernel would send them.
class Records {
 public:
  explicit Records(ProcessTable& table) : table_(table) {}

  const event::Process* change(ProcessChange::Kind kind, std::uint32_t pid, std::uint64_t start, std::uint32_t ppid,
                               std::uint64_t parent_start, const std::string& comm) {
    event::Event event;
    event.pid = event.tid = pid;
    event.start_ns = start;
    event.ppid = ppid;
    ProcessChange change;
    change.kind = kind;
    change.parent_pid = ppid;
    change.parent_start_ns = parent_start;
    change.comm = comm;
    event.payload = change;
    return table_.apply(event, comm + '\0', static_cast<std::uint32_t>(comm.size() + 1));
  }
  const event::Process* fork(std::uint32_t pid, std::uint64_t start, std::uint32_t ppid, std::uint64_t parent_start,
                             const std::string& comm) {
    return change(ProcessChange::Kind::kFork, pid, start, ppid, parent_start, comm);
  }
  const event::Process* exec(std::uint32_t pid, std::uint64_t start, std::uint32_t ppid, std::uint64_t parent_start,
                             const std::string& comm) {
    return change(ProcessChange::Kind::kExec, pid, start, ppid, parent_start, comm);
  }
  const event::Process* existing(std::uint32_t pid, std::uint64_t start, std::uint32_t ppid, std::uint64_t parent_start,
                                 const std::string& comm) {
    return change(ProcessChange::Kind::kExisting, pid, start, ppid, parent_start, comm);
  }
  void exit(std::uint32_t pid, std::uint64_t start) {
    event::Event event;
    event.pid = pid;
    event.start_ns = start;
    event.payload = event::ProcessExit{};
    table_.apply(event, {}, 0);
  }

 private:
  ProcessTable& table_;
};

// As rules see it: what the process runs, then what each ancestor ran when it forked the one before it.
std::string lineage(const event::Process* process) {
  if (process == nullptr) return {};
  std::string text(process->image->comm());
  for (; process != nullptr && process->parent_image != nullptr; process = process->parent)
    text += '<' + std::string(process->parent_image->comm());
  return text;
}

TEST(ProcessTable, ForkInheritsTheImageExecReplacesIt) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "systemd");
  records.fork(2, 20, 1, 10, "systemd");
  EXPECT_EQ(lineage(table.find(2)), "systemd<systemd");
  EXPECT_EQ(table.find(1)->image, table.find(2)->image) << "shared, not copied";
  records.exec(2, 20, 1, 10, "bash");
  EXPECT_EQ(lineage(table.find(2)), "bash<systemd");
}

TEST(ProcessTable, ARenamedThreadsChildIsStillWhatItRuns) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "systemd");
  records.exec(2, 20, 1, 10, "evil");
  records.fork(3, 30, 2, 20, "sshd");  // prctl(PR_SET_NAME), then fork
  EXPECT_EQ(lineage(table.find(3)), "evil<evil<systemd");
  EXPECT_EQ(table.find(3)->image, table.find(2)->image);
}

TEST(ProcessTable, ARescanDoesNotBelieveANewName) {
  ProcessTable table;
  Records records(table);
  records.exec(2, 20, 0, 0, "evil");
  table.begin_scan();
  records.existing(2, 20, 0, 0, "sshd");  // the same executable by now calls itself so
  table.end_scan(100);
  EXPECT_EQ(table.find(2)->image->comm(), "evil");
}

TEST(ProcessTable, ArgumentsOfTheDeadAreBounded) {
  ProcessTable table({.max_processes = 100'000, .max_image_bytes = 1U << 20U, .recent_dead = 2});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  for (std::uint32_t pid = 2; pid < 3000; ++pid) {  // each execs something long, forks the next and dies
    records.fork(pid, pid * 10, pid - 1, (pid - 1) * 10, "x");
    records.exec(pid, pid * 10, pid - 1, (pid - 1) * 10, std::string(8000, 'x'));
    if (pid > 2) records.exit(pid - 1, (pid - 1) * 10);
  }
  EXPECT_LT(table.size(), 200U);
}

TEST(ProcessTable, AReusedPidIsAnotherProcess) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "systemd");
  records.exec(5, 50, 1, 10, "old");
  records.fork(6, 60, 5, 50, "old");
  records.exit(5, 50);
  records.exec(5, 90, 1, 10, "new");
  EXPECT_EQ(table.find(5)->image->comm(), "new");
  EXPECT_EQ(lineage(table.find(6)), "old<old<systemd") << "the child of the old one keeps its own parent";
}

TEST(ProcessTable, AnExitWeMissedDoesNotConfuseTheNextOwnerOfThePid) {
  ProcessTable table;
  Records records(table);
  records.exec(5, 50, 1, 10, "old");
  records.exec(5, 90, 1, 10, "new");
  EXPECT_EQ(table.find(5)->image->comm(), "new");
  records.exit(5, 50);  // late
  ASSERT_NE(table.find(5), nullptr);
  EXPECT_EQ(table.find(5)->image->comm(), "new");
}

TEST(ProcessTable, AncestryIsAsRecordedAtFork) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "systemd");
  records.exec(2, 20, 1, 10, "nginx");
  records.fork(3, 30, 2, 20, "nginx");
  records.exit(2, 20);
  records.exec(3, 30, 1, 10, "sh");  // reparented to 1 meanwhile
  EXPECT_EQ(lineage(table.find(3)), "sh<nginx<systemd");
}

TEST(ProcessTable, AParentThatRunsSomethingElseKeepsItsNameInItsChildren) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "systemd");
  records.exec(2, 20, 1, 10, "nginx");
  records.fork(3, 30, 2, 20, "nginx");
  records.fork(4, 40, 3, 30, "nginx");
  records.exec(2, 20, 1, 10, "sleep");
  records.exec(3, 30, 2, 20, "sh");
  records.fork(5, 50, 2, 20, "sleep");
  EXPECT_EQ(lineage(table.find(3)), "sh<nginx<systemd");
  EXPECT_EQ(lineage(table.find(4)), "nginx<nginx<nginx<systemd");
  EXPECT_EQ(lineage(table.find(5)), "sleep<sleep<systemd");
}

TEST(ProcessTable, AParentThatWasEvictedIsStillKnownByName) {
  ProcessTable table({.max_processes = 2, .recent_dead = 0});
  Records records(table);
  records.exec(2, 20, 0, 0, "nginx");
  records.fork(3, 30, 2, 20, "nginx");
  records.exit(2, 20);
  records.existing(1, 10, 0, 0, "init");
  ASSERT_EQ(table.find(2, 20), nullptr);
  records.exec(3, 30, 1, 10, "sh");
  EXPECT_EQ(lineage(table.find(3)), "sh<nginx");
}

TEST(ProcessTable, AnExecThatIsOnlyCheckedChangesNothing) {
  ProcessTable table;
  Records records(table);
  records.exec(2, 20, 0, 0, "bash");
  EXPECT_EQ(records.change(ProcessChange::Kind::kExecCheck, 2, 20, 0, 0, "nc"), table.find(2));
  EXPECT_EQ(table.find(2)->image->comm(), "bash");
  EXPECT_EQ(records.change(ProcessChange::Kind::kExecCheck, 9, 90, 0, 0, "nc"), nullptr);
  EXPECT_EQ(table.size(), 1U);
}

TEST(ProcessTable, BytesOfImagesComeBack) {
  ProcessTable table({.max_processes = 100, .recent_dead = 0});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  const std::size_t before = table.image_bytes();
  records.exec(2, 20, 1, 10, std::string(4000, 'a'));
  records.fork(3, 30, 2, 20, "");
  records.exec(2, 20, 1, 10, std::string(4000, 'b'));
  records.exec(3, 30, 2, 20, std::string(4000, 'c'));
  EXPECT_GT(table.image_bytes(), before + 12'000) << "what 2 ran is kept for 3, who has it as its parent";
  records.exit(2, 20);
  records.exit(3, 30);
  EXPECT_EQ(table.image_bytes(), before);
}

TEST(ProcessTable, ParentsMayComeAfterTheirChildrenInAScan) {
  ProcessTable table;
  Records records(table);
  table.begin_scan();
  records.existing(7, 70, 3, 30, "child");
  records.existing(3, 30, 1, 10, "parent");
  records.existing(1, 10, 0, 0, "init");
  table.end_scan(100);
  EXPECT_EQ(lineage(table.find(7)), "child<parent<init");
}

TEST(ProcessTable, ARescanBuriesWhatIsGoneAndKeepsTheYoung) {
  ProcessTable table;
  Records records(table);
  table.begin_scan();
  records.existing(1, 10, 0, 0, "init");
  records.existing(2, 20, 1, 10, "gone");
  table.end_scan(100);
  table.begin_scan();
  records.existing(1, 10, 0, 0, "init");
  records.existing(9, 250, 1, 10, "born during the scan");
  table.end_scan(200);
  EXPECT_EQ(table.find(2), nullptr);
  EXPECT_NE(table.find(9), nullptr);
}

TEST(ProcessTable, TheDeadGoOnceNobodyDescendsFromThem) {
  ProcessTable table({.max_processes = 1000, .recent_dead = 2});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  for (std::uint32_t pid = 2; pid < 500; ++pid) {
    records.fork(pid, pid * 10, 1, 10, "init");
    records.exit(pid, pid * 10);
  }
  EXPECT_LE(table.size(), 4U);
  EXPECT_EQ(table.counters().evicted, 0U);
}

TEST(ProcessTable, AChainOfDeadAncestorsIsBounded) {
  ProcessTable table({.max_processes = 100'000, .recent_dead = 2});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  std::uint32_t pid = 2;
  for (; pid < 5000; ++pid) {  // each forks the next and dies
    records.fork(pid, pid * 10, pid - 1, (pid - 1) * 10, "init");
    if (pid > 2) records.exit(pid - 1, (pid - 1) * 10);
  }
  EXPECT_LE(table.size(), 101U);
  EXPECT_GT(table.counters().evicted, 0U) << "and that is counted";
  const event::Process* last = table.find(pid - 1);
  ASSERT_NE(last, nullptr);
  int depth = 0;
  for (const event::Process* p = last; p != nullptr; p = p->parent) ++depth;
  EXPECT_GE(depth, event::kMaxAncestors) << "those a rule can ask for stay";
}

// Would catch: an attacker who forks a chain and so cuts off what he descends from, for himself and all he starts later.
TEST(ProcessTable, AChainOfForksCutsNobodysAncestryButItsOwn) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  records.fork(2, 20, 1, 10, "init");
  records.exec(2, 20, 1, 10, "nginx");
  records.fork(3, 30, 2, 20, "nginx");
  records.exec(3, 30, 2, 20, "sh");
  records.fork(4, 40, 3, 30, "sh");
  records.exec(4, 40, 3, 30, "attacker");
  records.exit(3, 30);
  const std::string before = lineage(table.find(4));
  std::uint32_t pid = 4;
  for (std::uint32_t child = 100; child < 300; ++child) {
    records.fork(child, child * 10, pid, pid == 4 ? 40 : pid * 10, "attacker");
    if (pid != 4) records.exit(pid, pid * 10);
    pid = child;
  }
  EXPECT_EQ(lineage(table.find(4)), before);
  records.fork(1000, 10'000, 4, 40, "attacker");
  EXPECT_TRUE(lineage(table.find(1000)).contains("nginx"));
}

TEST(ProcessTable, AFullTableOfTheLivingStaysBounded) {
  ProcessTable table({.max_processes = 10, .recent_dead = 2});
  Records records(table);
  for (std::uint32_t pid = 1; pid < 100; ++pid) records.existing(pid, pid, 0, 0, "p");
  EXPECT_LE(table.size(), 10U);
  EXPECT_EQ(table.counters().evicted, 89U);
}

TEST(ProcessTable, RecordsThatClaimACycleAreNotFollowed) {
  ProcessTable table;
  Records records(table);
  records.existing(2, 20, 3, 30, "a");
  records.existing(3, 30, 2, 20, "b");
  table.end_scan(0);
  int depth = 0;
  for (const event::Process* p = table.find(2); p != nullptr && depth < 100; p = p->parent) ++depth;
  EXPECT_LT(depth, 100);
}

TEST(ProcessTable, ARecordThatComesLateDoesNotTakeThePidBack) {
  ProcessTable table({.max_processes = 100, .recent_dead = 0});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  records.fork(5, 50, 1, 10, "old");
  records.exit(5, 50);
  records.exec(5, 60, 1, 10, "new");
  records.exec(5, 50, 1, 10, "late");
  EXPECT_EQ(lineage(table.find(5)), "new<init");
  EXPECT_EQ(lineage(table.find(5, 60)), "new<init");
}

TEST(ProcessTable, MissedEndsAreCounted) {
  ProcessTable table;
  Records records(table);
  table.begin_scan();
  records.existing(1, 10, 0, 0, "init");
  records.existing(2, 20, 1, 10, "reused");
  records.existing(3, 30, 1, 10, "gone");
  table.end_scan(40);
  records.exec(2, 50, 1, 10, "new");
  EXPECT_EQ(table.counters().exits_missed, 1U);
  table.begin_scan();
  records.existing(1, 10, 0, 0, "init");
  records.existing(2, 50, 1, 10, "new");
  table.end_scan(60);
  EXPECT_EQ(table.counters().exits_missed, 2U);
}

TEST(ProcessTable, OfTheLivingThoseGoNobodyDescendsFrom) {
  ProcessTable table({.max_processes = 100, .recent_dead = 0});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  records.fork(2, 20, 1, 10, "init");
  records.exec(2, 20, 1, 10, "shell");
  for (std::uint32_t pid = 3; pid < 1'000; ++pid) records.fork(pid, pid * 10, 2, 20, "shell");
  EXPECT_EQ(table.size(), 100U);
  EXPECT_EQ(lineage(table.find(2)), "shell<init") << "a flood does not displace the ancestors of others";
  EXPECT_NE(table.find(1), nullptr);
  EXPECT_EQ(table.counters().evicted, 899U);
  EXPECT_EQ(table.counters().evicted_living, 899U);
}

TEST(ProcessTable, ArgumentsOfTheLivingAreBounded) {
  ProcessTable table({.max_processes = 1'000, .max_image_bytes = 64U << 10U, .recent_dead = 0});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  for (std::uint32_t pid = 2; pid < 100; ++pid) records.exec(pid, pid * 10, 1, 10, std::string(4'000, 'a'));
  EXPECT_EQ(table.size(), 99U) << "nobody goes for his arguments";
  EXPECT_LE(table.image_bytes(), (64U << 10U) + 99 * (4'000 + 5 * 1'024)) << "the name itself is kept";
  EXPECT_GT(table.counters().images_cut, 80U);
  EXPECT_TRUE(table.find(99)->image->args_truncated());
  EXPECT_FALSE(table.find(2)->image->args_truncated());
}

TEST(ProcessTable, AnEndedLeaderOfManyLevelsIsCutAwayWithItsLine) {
  ProcessTable table({.max_processes = 10'000, .recent_dead = 0});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  // Each forks the next and ends: a chain that never dies.
  for (std::uint32_t pid = 2; pid < 5'000; ++pid) {
    records.fork(pid, pid * 10, pid - 1, (pid - 1) * 10, "hop");
    if (pid > 2) records.exit(pid - 1, (pid - 1) * 10);
  }
  EXPECT_LE(table.size(), 70U);
}

// What a record says of its process besides what it changes.
TEST(ProcessTable, SessionAndGroupFollowTheEvents) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  records.exec(2, 20, 1, 10, "daemon");
  event::Event event;
  event.pid = 2;
  event.start_ns = 20;
  event.sid = 2;
  event.pgid = 7;
  event.vpgid = 3;
  const event::Process* process = table.see(event);
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(process->sid, 2U);
  EXPECT_EQ(process->pgid, 7U);
  EXPECT_EQ(process->vpgid, 3U);
  event.pgid = event.vpgid = 0;  // not captured
  EXPECT_EQ(table.see(event)->pgid, 7U);
  event.start_ns = 21;
  EXPECT_EQ(table.see(event), nullptr) << "another process";
}

TEST(ProcessTable, AForkTellsItsParentsSessionAndGroup) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  records.exec(2, 20, 1, 10, "daemon");  // calls setsid, then forks
  event::Event fork;
  fork.pid = 3;
  fork.start_ns = 30;
  fork.sid = 2;
  ProcessChange change;
  change.kind = ProcessChange::Kind::kFork;
  change.parent_pid = 2;
  change.parent_start_ns = 20;
  change.pgid = 2;
  fork.payload = change;
  table.apply(fork, {}, 0);
  EXPECT_EQ(table.find(2)->sid, 2U);
  EXPECT_EQ(table.find(2)->pgid, 2U);
}

TEST(ProcessTable, AChildOfAnUnknownIsNotGivenToWhoAdoptsIt) {
  ProcessTable table;
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  records.fork(5, 50, 4, 40, "sh");  // whose fork was lost
  EXPECT_EQ(table.counters().parent_unknown, 1U);
  records.exec(5, 50, 1, 10, "nc");
  EXPECT_EQ(lineage(table.find(5)), "nc");
  EXPECT_EQ(table.find(5)->parent, nullptr);
}

TEST(ProcessTable, WhatWasErasedIsNotFound) {
  ProcessTable table({.max_processes = 100, .recent_dead = 0});
  Records records(table);
  records.existing(1, 10, 0, 0, "init");
  records.fork(5, 50, 1, 10, "short");
  ASSERT_NE(table.find(5, 50), nullptr);
  records.exit(5, 50);
  EXPECT_EQ(table.find(5, 50), nullptr);
  records.fork(5, 60, 1, 10, "next");
  EXPECT_EQ(table.find(5, 50), nullptr);
  EXPECT_NE(table.find(5, 60), nullptr);
}

TEST(Image, AnEnvironmentThatBecomesKnownLeavesTheRest) {
  auto image = std::make_unique<event::Image>("sh", "/bin/sh", std::string("sh\0-c\0true\0", 11), 11, "/", event::FileIdentity{});
  const event::Image with(*image, {.known = true, .bytes = std::string("A=1\0B=\0", 7), .total = 7});
  image.reset();
  ASSERT_EQ(with.arguments().size(), 2U);
  EXPECT_EQ(with.arguments()[1], "true");
  EXPECT_EQ(with.arguments()[1].data(), with.cmdline().data() + 6) << "not a view into the old one";
  EXPECT_EQ(with.cmdline(), "sh -c true");
  EXPECT_EQ(with.environment().find("A"), "1");
  EXPECT_EQ(with.environment().find("B"), "");
  EXPECT_EQ(with.environment().find(""), std::nullopt);
}

}  // namespace
}  // namespace shrike::enrich
