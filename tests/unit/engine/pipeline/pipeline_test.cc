// SPDX-License-Identifier: Apache-2.0
// What becomes of records with a verdict of the kernel's policy.
#include "engine/pipeline/pipeline.h"

#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>

#include "tests/support/containers.h"
#include "tests/support/wire.h"
#include "tests/support/world.h"

namespace shrike::pipeline {
namespace {

using program::KernelPlan;

class Kept final : public act::AlertSink {
 public:
  explicit Kept(std::vector<act::Alert>& alerts) : alerts_(alerts) {}
  Result<void> write(const act::Alert& alert) override {
    alerts_.push_back(alert);
    return {};
  }
  Result<void> flush() override { return {}; }
  Result<void> reopen() override { return {}; }

 private:
  std::vector<act::Alert>& alerts_;
};

class NoCgroups final : public enrich::CgroupReader {
 public:
  std::optional<std::string> read(std::uint64_t id) override { return id == 77 ? "/system.slice/x.service" : ""; }
};

std::string rule(const std::string& name, const std::string& condition, const std::string& output) {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition + "\n  output: \"" + output + "\"\n  priority: WARNING\n";
}

// What kernel rule `name` is in a plan.
struct Planned {
  bool kill = false;
  bool enforce = false;
};

class PipelineTest : public testing::Test {
 protected:
  // Rules K0, K1, … that the kernel decides, as given, and one alert rule on failed opens.
  void load(std::uint32_t generation, const std::vector<Planned>& planned, std::vector<std::string> texts = {}) {
    std::string text;
    auto plan = std::make_shared<KernelPlan>();
    const std::string suffix = generation == 1 ? "" : "'" + std::to_string(generation);
    text += rule("Failed" + suffix, "evt.type in (open, openat, creat, execve) and evt.failed = true",
                 "failed %fd.name %fd.num %evt.res %proc.name");
    for (std::size_t i = 0; i < planned.size(); ++i) {
      text += rule("K" + std::to_string(i) + suffix, "evt.type in (openat, execve)",
                   "%fd.name %proc.name %proc.exepath %proc.pname %proc.cmdline %evt.res");
      plan->rules.push_back({.rule = static_cast<std::uint32_t>(i + 1), .kill = planned[i].kill, .enforce = planned[i].enforce});
    }
    for (std::string& name : texts) plan->texts.push_back({.field = {}, .text = std::move(name), .vector = {}});
    auto program = std::make_shared<program::Program>(test::compile_text(text));
    for (std::size_t i = 1; i < program->rules.size(); ++i) program->rules[i].decided_in_kernel = true;
    program->index_rules();
    pipeline_.load(program, plan, generation);
  }

  static event_verdict hits(std::initializer_list<std::uint32_t> rules, std::uint32_t decider = ~0U, std::uint16_t flags = 0) {
    event_verdict verdict{};
    verdict.generation = 1;
    verdict.decider = decider;
    verdict.flags = flags;
    verdict.rule_count = static_cast<__u32>(rules.size());
    std::ranges::copy(rules, verdict.rules);
    return verdict;
  }

  void open(const event_verdict& verdict, bool verdict_only = false, const event_names* names = nullptr) {
    test::WireRecord<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
    record.wire.header.hook = HOOK_FILE_OPEN;
    record.wire.header.cgroup_id = 77;
    record.wire.header.start_ns = 70;
    record.wire.header.flags = verdict_only ? EVENT_FLAG_VERDICT_ONLY : 0;
    record.wire.ret = (verdict.flags & EVENT_VERDICT_REFUSED) != 0 ? -EPERM : 3;
    record.wire.path = record.add("/data/x/secret");
    record.wire.header.verdict = record.add_struct(verdict);
    if (names != nullptr) record.wire.names = record.add_struct(*names);
    pipeline_.process(record.bytes());
  }

  void exec(std::uint16_t kind, std::string_view comm, const event_verdict* verdict) {
    test::WireRecord<event_process> record(kind, EVENT_TYPE_EXECVE);
    record.wire.header.hook = kind == EVENT_KIND_EXEC ? HOOK_SCHED_PROCESS_EXEC : HOOK_BPRM_CREDS_FROM_FILE;
    record.wire.header.start_ns = 70;
    comm.copy(record.wire.comm, sizeof(record.wire.comm));
    record.wire.exe_path = record.add("/bin/" + std::string(comm));
    if (kind == EVENT_KIND_EXEC) record.wire.args = record.add(std::string(comm) + '\0' + "-x" + '\0');
    if (kind == EVENT_KIND_EXEC) record.wire.args_total = record.wire.args.size;
    if (kind == EVENT_KIND_EXEC_CHECK) record.wire.script = record.add("/tmp/s");
    if (verdict != nullptr) record.wire.header.verdict = record.add_struct(*verdict);
    pipeline_.process(record.bytes());
  }

  // "RULE verdict errno", one per alert so far; then forgets them.
  std::vector<std::string> taken() {
    std::vector<std::string> all;
    for (const act::Alert& alert : alerts_) {
      all.push_back(alert.rule + ' ' + alert.verdict);
      if (alert.verdict != "alert") all.back() += ' ' + std::to_string(alert.error_number);
    }
    alerts_.clear();
    return all;
  }

  using Lines = std::vector<std::string>;

  std::vector<act::Alert> alerts_;
  test::FakeNames names_;
  enrich::ProcessTable processes_;
  enrich::ProcReader proc_{"/nonexistent"};
  NoCgroups reader_;
  enrich::Cgroups cgroups_{reader_};
  test::NoContainerFiles container_files_;
  enrich::Containers containers_{container_files_};
  enrich::Enricher enricher_{processes_, proc_, cgroups_, containers_};
  event::Context context_{names_, processes_, "testhost", 0};
  std::vector<std::unique_ptr<act::AlertSink>> sinks_ = [this] {
    std::vector<std::unique_ptr<act::AlertSink>> sinks;
    sinks.push_back(std::make_unique<Kept>(alerts_));
    return sinks;
  }();
  std::vector<std::string> observed_;  // "openat K0 blocked": the type, and the verdicts' alerts
  Pipeline pipeline_{{.enricher = enricher_,
                      .context = context_,
                      .sinks = sinks_,
                      .matching = {},
                      .on_sink_error = {},
                      .on_event = [this](const Observed& seen) {
                        std::string& line = observed_.emplace_back(event::name(seen.event.type));
                        for (const act::Alert& alert : seen.verdicts) line += ' ' + alert.rule + ' ' + alert.verdict;
                        EXPECT_FALSE(seen.program.rules.empty());
                      }}};
};

constexpr Planned kBlock{.kill = false, .enforce = true};
constexpr Planned kKill{.kill = true, .enforce = true};
constexpr Planned kWouldBlock{.kill = false, .enforce = false};
constexpr Planned kWouldKill{.kill = true, .enforce = false};

// What a recording is made from: each question rules were asked, each verdict; nothing else.
TEST_F(PipelineTest, EventsAndVerdictsAreObserved) {
  load(1, {kBlock, kWouldKill, kWouldBlock});
  open(hits({0, 1}, 0, EVENT_VERDICT_REFUSED));
  EXPECT_EQ(observed_, (Lines{"openat K0 blocked K1 would_kill", "openat"})) << "the verdict, and the call that failed";
  observed_.clear();
  open(hits({2}), true);
  EXPECT_EQ(observed_, Lines{"openat K2 would_block"}) << "another record tells the event itself";
  observed_.clear();
  const event_verdict verdict = hits({0}, 0, EVENT_VERDICT_REFUSED);
  exec(EVENT_KIND_EXEC_CHECK, "sh", &verdict);
  EXPECT_EQ(observed_, Lines{"execve K0 blocked"});
  observed_.clear();
  exec(EVENT_KIND_EXEC, "sh", nullptr);
  EXPECT_EQ(observed_, Lines{"execve"});
  observed_.clear();
  open(hits({9}));
  EXPECT_EQ(observed_, Lines{"openat"}) << "a verdict of rules nobody knows is no event";
}

TEST_F(PipelineTest, TheRefusingRuleAlertsOnceAndTheFailedCallAsAny) {
  load(1, {kBlock});
  open(hits({0}, 0, EVENT_VERDICT_REFUSED));
  ASSERT_EQ(alerts_.size(), 2U);
  EXPECT_EQ(alerts_[0].rule, "K0");
  EXPECT_EQ(alerts_[0].hook, "file_open");
  EXPECT_EQ(alerts_[0].generation, 1U);
  EXPECT_EQ(alerts_[1].message, "failed /data/x/secret -1 EPERM <NA>");
  EXPECT_EQ(alerts_[1].hook, "");
  EXPECT_EQ(taken(), (Lines{"K0 blocked 1", "Failed alert"}));
  EXPECT_EQ(pipeline_.counters().events, 1U) << "one event";
  EXPECT_EQ(pipeline_.counters().corrupt, 0U);
}

TEST_F(PipelineTest, AVerdictOnlyRecordIsNotMatched) {
  load(1, {kBlock});
  open(hits({0}, 0, EVENT_VERDICT_REFUSED), true);
  EXPECT_EQ(taken(), (Lines{"K0 blocked 1"}));
}

TEST_F(PipelineTest, MonitorRulesAlertWhoeverDecides) {
  load(1, {kBlock, kWouldBlock, kWouldKill, kBlock});
  open(hits({1, 0}, 0, EVENT_VERDICT_REFUSED), true);
  EXPECT_EQ(taken(), (Lines{"K1 would_block 0", "K0 blocked 1"}));
  open(hits({0, 1, 2}, 0, EVENT_VERDICT_REFUSED), true);
  EXPECT_EQ(taken(), (Lines{"K0 blocked 1", "K1 would_block 0", "K2 would_kill 0"}));
  open(hits({0, 3}, 0, EVENT_VERDICT_REFUSED), true);
  EXPECT_EQ(taken(), (Lines{"K0 blocked 1"})) << "an enforcing rule that did not decide is counted, in the kernel";
  open(hits({1, 2}), false);
  EXPECT_EQ(taken(), (Lines{"K1 would_block 0", "K2 would_kill 0"})) << "nothing was done, the open succeeded";
}

TEST_F(PipelineTest, KillBeatsBlock) {
  load(1, {kBlock, kKill});
  open(hits({0, 1}, 1, EVENT_VERDICT_REFUSED | EVENT_VERDICT_KILLED), true);
  EXPECT_EQ(taken(), (Lines{"K1 killed 1"}));
  open(hits({1}, 1, EVENT_VERDICT_KILLED), true);
  EXPECT_EQ(taken(), (Lines{"K1 killed 0"})) << "a hook that can't refuse";
  open(hits({1}, 1, EVENT_VERDICT_REFUSED), true);
  EXPECT_EQ(taken(), (Lines{"K1 blocked 1"})) << "too many kills: refused only";
  open(hits({1}, 1), true);
  EXPECT_EQ(taken(), (Lines{"K1 would_kill 0"})) << "nothing is claimed that was not done";
}

TEST_F(PipelineTest, TheDecidingRuleMayLieBeyondTheRecord) {
  load(1, std::vector<Planned>(40, kBlock));
  event_verdict verdict = hits({}, 39, EVENT_VERDICT_REFUSED);
  for (std::uint32_t i = 0; i < EVENT_VERDICT_RULES_MAX; ++i) verdict.rules[i] = i;
  verdict.rule_count = 40;
  open(verdict, true);
  ASSERT_EQ(alerts_.size(), 1U);
  EXPECT_EQ(alerts_[0].rule, "K39");
  EXPECT_NE(alerts_[0].message.find("incomplete=rules"), std::string::npos) << alerts_[0].message;
  EXPECT_EQ(pipeline_.counters().gap_rules, 1U);
}

TEST_F(PipelineTest, AFieldThatCouldNotBeToldIsNamedInTheVerdictsAlertOnly) {
  load(1, {kBlock});
  open(hits({0}, 0, EVENT_VERDICT_REFUSED | EVENT_VERDICT_UNSURE));
  ASSERT_EQ(alerts_.size(), 2U);
  EXPECT_NE(alerts_[0].message.find("incomplete=unsure"), std::string::npos);
  EXPECT_EQ(alerts_[1].message.find("incomplete"), std::string::npos);
}

TEST_F(PipelineTest, OlderGenerationsAreStillUnderstood) {
  load(1, {kBlock});
  load(2, {kWouldBlock, kWouldKill});
  open(hits({0}, 0, EVENT_VERDICT_REFUSED));
  EXPECT_EQ(taken(), (Lines{"K0 blocked 1", "Failed'2 alert"})) << "its own rules for the verdict, the newest for the event";
  event_verdict newer = hits({1});
  newer.generation = 2;
  open(newer);
  EXPECT_EQ(taken(), (Lines{"K1'2 would_kill 0"}));
  for (std::uint32_t generation : {3U, 4U}) load(generation, {kBlock});
  open(hits({0}, 0, EVENT_VERDICT_REFUSED), true);
  EXPECT_EQ(taken(), (Lines{"K0 blocked 1"})) << "the fourth";
  load(5, {kBlock});
  open(hits({0}, 0, EVENT_VERDICT_REFUSED));
  EXPECT_EQ(taken(), (Lines{"Failed'5 alert"})) << "forgotten; the event is an event all the same";
  EXPECT_EQ(pipeline_.counters().corrupt, 1U);
}

TEST_F(PipelineTest, UnknownRulesAreCountedNeverACrash) {
  load(1, {kWouldBlock});
  open(hits({0, 9}), true);
  EXPECT_EQ(taken(), (Lines{"K0 would_block 0"}));
  EXPECT_EQ(pipeline_.counters().corrupt, 1U);
  open(hits({0}, 0xfffffff0, EVENT_VERDICT_REFUSED), true);
  EXPECT_EQ(taken(), (Lines{"K0 would_block 0"}));
  EXPECT_EQ(pipeline_.counters().corrupt, 2U);
  pipeline_.load(std::make_shared<program::Program>(), nullptr, 2);
  event_verdict verdict = hits({0});
  verdict.generation = 2;
  open(verdict, true);
  EXPECT_EQ(taken(), Lines{});
  EXPECT_EQ(pipeline_.counters().corrupt, 3U) << "no plan";
}

TEST_F(PipelineTest, ARefusedExecIsToldOfTheProgramThatWouldRun) {
  load(1, {kBlock, kWouldKill});
  exec(EVENT_KIND_EXEC, "bash", nullptr);
  EXPECT_EQ(taken(), Lines{});
  const event_verdict verdict = hits({0, 1}, 0, EVENT_VERDICT_REFUSED);
  exec(EVENT_KIND_EXEC_CHECK, "nc", &verdict);
  ASSERT_EQ(alerts_.size(), 2U) << "alert rules wait for the call's own record";
  EXPECT_EQ(alerts_[0].message, "<NA> nc /bin/nc <NA> nc /tmp/s EPERM incomplete=arguments");
  EXPECT_EQ(alerts_[0].hook, "bprm_creds_from_file");
  EXPECT_EQ(taken(), (Lines{"K0 blocked 1", "K1 would_kill 0"}));
  EXPECT_EQ(processes_.find(7)->image->comm(), "bash") << "nothing has been run";
  open(hits({1}), true);
  EXPECT_EQ(alerts_.at(0).message, "/data/x/secret bash /bin/bash <NA> bash -x SUCCESS");
}

TEST_F(PipelineTest, TheCallersAncestorsAreThoseOfTheProgramThatWouldRun) {
  load(1, {kWouldBlock});
  exec(EVENT_KIND_EXEC, "nginx", nullptr);
  test::WireRecord<event_process> fork(EVENT_KIND_FORK, EVENT_TYPE_NONE);
  fork.wire.header.tgid = 8;
  fork.wire.header.start_ns = 80;
  fork.wire.forker_tgid = 7;
  fork.wire.forker_start_ns = 70;
  pipeline_.process(fork.bytes());
  test::WireRecord<event_process> check(EVENT_KIND_EXEC_CHECK, EVENT_TYPE_EXECVE);
  check.wire.header.tgid = 8;
  check.wire.header.start_ns = 80;
  std::memcpy(check.wire.comm, "sh", 2);
  check.wire.header.verdict = check.add_struct(hits({0}));
  pipeline_.process(check.bytes());
  ASSERT_EQ(alerts_.size(), 1U);
  EXPECT_EQ(alerts_[0].message, "<NA> sh  nginx sh SUCCESS incomplete=arguments");
}

TEST_F(PipelineTest, AnExecCheckOfAnUnknownCallerStillAlerts) {
  load(1, {kWouldBlock});
  const event_verdict verdict = hits({0});
  exec(EVENT_KIND_EXEC_CHECK, "nc", &verdict);
  EXPECT_EQ(taken(), (Lines{"K0 would_block 0"}));
  EXPECT_EQ(processes_.size(), 0U);
}

TEST_F(PipelineTest, AnExecThatIsKilledChangesTheTableAndAlerts) {
  load(1, {kKill});
  const event_verdict verdict = hits({0}, 0, EVENT_VERDICT_KILLED);
  exec(EVENT_KIND_EXEC, "nc", &verdict);
  ASSERT_EQ(alerts_.size(), 1U);
  EXPECT_EQ(alerts_[0].message, "<NA> nc /bin/nc <NA> nc -x SUCCESS");
  EXPECT_EQ(taken(), (Lines{"K0 killed 0"}));
  EXPECT_EQ(processes_.find(7)->image->comm(), "nc");
}

TEST_F(PipelineTest, NamesAreThePlansTexts) {
  load(1, {kWouldBlock}, {"/etc/shadow", "/srv/", "/data/x/secret"});
  load(2, {}, {"/other"});
  event_names names{};
  names.generation = 1;
  names.count = 4;
  names.names[0] = {.text = 0, .below = 0};
  names.names[1] = {.text = 1, .below = 2};
  names.names[2] = {.text = 2, .below = 0};  // the path itself
  names.names[3] = {.text = 0, .below = 0};  // twice
  open(hits({0}), true, &names);
  ASSERT_EQ(alerts_.size(), 1U);
  const act::FieldValue want = std::vector<std::string>{"/etc/shadow", "/srv/x/secret"};
  EXPECT_EQ(alerts_[0].fields.back(), (std::pair<std::string, act::FieldValue>{"fd.names", want}));
  EXPECT_EQ(pipeline_.counters().corrupt, 0U);

  alerts_.clear();
  names.names[1] = {.text = 1, .below = 4};  // the path has three
  names.names[2] = {.text = 3, .below = 0};  // no such text
  open(hits({0}), true, &names);
  ASSERT_EQ(alerts_.size(), 1U);
  EXPECT_NE(alerts_[0].message.find("incomplete=names"), std::string::npos);
  EXPECT_EQ(pipeline_.counters().corrupt, 1U);
  EXPECT_EQ(pipeline_.counters().gap_names, 1U);

  alerts_.clear();
  names.generation = 9;
  open(hits({0}), true, &names);
  ASSERT_EQ(alerts_.size(), 1U);
  EXPECT_EQ(pipeline_.counters().corrupt, 2U);
}

TEST_F(PipelineTest, ByTheLetterIoUringOpensNothing) {
  const auto alerts = [&](bool opening_is_opening) {
    const std::string text = rule("Opened", "evt.type in (open, openat, openat2)", "%fd.name %evt.is_io_uring");
    auto program = std::make_shared<program::Program>(
        test::compile_text(text, {.suggested_output = false, .opening_is_opening = opening_is_opening}));
    pipeline_.load(program, nullptr, 0);
    for (const __u32 flags : {0U, static_cast<__u32>(EVENT_FLAG_URING)}) {
      test::WireRecord<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
      record.wire.header.flags = flags;
      record.wire.path = record.add("/x");
      pipeline_.process(record.bytes());
    }
    return taken().size();
  };
  EXPECT_EQ(alerts(true), 2U);
  EXPECT_EQ(alerts(false), 1U);
}

TEST_F(PipelineTest, NamesOfAnExecutableStayWithTheProcess) {
  load(1, {kWouldBlock}, {"/usr/bin/nc"});
  test::WireRecord<event_process> record(EVENT_KIND_EXEC, EVENT_TYPE_EXECVE);
  record.wire.header.start_ns = 70;
  record.wire.exe_path = record.add("/mnt/nc");
  event_names names{};
  names.generation = 1;
  names.count = 1;
  record.wire.names = record.add_struct(names);
  pipeline_.process(record.bytes());
  ASSERT_NE(processes_.find(7), nullptr);
  EXPECT_EQ(processes_.find(7)->image->names(), (std::vector<std::string>{"/usr/bin/nc"}));
}

}  // namespace
}  // namespace shrike::pipeline
