// SPDX-License-Identifier: Apache-2.0
#include "outputs/sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "outputs/fan_out.h"
#include "tests/support/memory_destination.h"
#include "tests/support/temporary_directory.h"

namespace shrike::outputs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PlainEncoder final : public Encoder {
 public:
  std::string encode(const act::Alert& alert) const override { return alert.rule + ": " + alert.message; }
};

std::shared_ptr<const act::Alert> alert(std::uint64_t number, std::uint8_t priority = 5, std::string rule = "r") {
  auto made = std::make_shared<act::Alert>();
  made->id = std::to_string(number);
  made->time_ns = number;
  made->priority = priority;
  made->rule = std::move(rule);
  made->source = "syscall";
  made->verdict = "alert";
  made->message = "message " + made->id + ' ' + std::string(200, 'x');
  made->tags = {"mitre", "host"};
  made->hostname = "h";
  return made;
}

std::uint64_t lost(const SinkStatus& status, Loss loss) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : status.lost[static_cast<std::size_t>(loss)]) sum += count;
  return sum;
}

class SinkTest : public testing::Test {
 protected:
  SinkTest() {
    options_.name = "test";
    options_.retry = {.base = milliseconds(1), .cap = milliseconds(20), .max_attempts = 0};
  }
  void with_spool() { options_.spool.directory = directory_.path() + "/spool"; }
  std::unique_ptr<Sink> start(Destination::Limits limits = {.messages = 100}) {
    return std::make_unique<Sink>(Sink::Parts{.options = options_,
                                              .encoder = std::make_unique<PlainEncoder>(),
                                              .destination = std::make_unique<test::MemoryDestination>(inbox_, limits)});
  }
  static Sink::Clock::time_point in(milliseconds time) { return Sink::Clock::now() + time; }
  std::vector<std::uint64_t> delivered() const {
    std::vector<std::uint64_t> numbers;
    for (const Message& message : inbox_->delivered()) numbers.push_back(std::stoull(message.id));
    return numbers;
  }
  template <class Until>
  static bool wait(Until until) {
    for (int i = 0; i < 3000; ++i) {
      if (until()) return true;
      usleep(10'000);
    }
    return false;
  }
  static std::vector<SinkNotice::Kind> kinds(const std::vector<SinkNotice>& notices) {
    std::vector<SinkNotice::Kind> all;
    for (const SinkNotice& notice : notices) all.push_back(notice.kind);
    return all;
  }

  test::TemporaryDirectory directory_;
  std::shared_ptr<test::Inbox> inbox_ = std::make_shared<test::Inbox>();
  SinkOptions options_;
};

// The same with and without a spool.
class SinkBothTest : public SinkTest, public testing::WithParamInterface<bool> {
 protected:
  SinkBothTest() {
    if (GetParam()) with_spool();
  }
};
INSTANTIATE_TEST_SUITE_P(Spool, SinkBothTest, testing::Values(false, true),
                         [](const auto& of) { return of.param ? "Disk" : "Memory"; });

TEST_P(SinkBothTest, DeliversAllInOrderAndStops) {
  auto sink = start();
  for (std::uint64_t i = 0; i < 1000; ++i) sink->offer(alert(i, static_cast<std::uint8_t>(i % 8)));
  sink->stop(in(seconds(30)));
  const auto numbers = delivered();
  EXPECT_EQ(numbers.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
  const SinkStatus status = sink->status();
  EXPECT_EQ(status.accepted, 1000U);
  EXPECT_EQ(status.delivered, 1000U);
  EXPECT_EQ(status.lost_sum(), 0U);
  EXPECT_EQ(status.queued + status.spooled, 0U);
  EXPECT_NE(status.last_success_ns, 0U);
  EXPECT_THAT(sink->take_notices(), IsEmpty());
  const Message first = inbox_->delivered().at(0);
  EXPECT_EQ(first.rule, "r");
  EXPECT_EQ(first.subject, "host");
  EXPECT_EQ(first.host, "h");
  EXPECT_THAT(first.body, testing::StartsWith("r: message 0 "));
}

TEST_P(SinkBothTest, OnlyWhatFailedIsRepeatedAndStaysInOrder) {
  // Each multiple of three fails twice.
  std::map<std::string, int> tries;
  inbox_->decide([&](const Message& message) {
    const bool fails = std::stoull(message.id) % 3 == 0 && tries[message.id]++ < 2;
    return fails ? Outcome{Fate::kRetry, "429 Too Many Requests"} : Outcome{Fate::kDelivered, {}};
  });
  auto sink = start({.messages = 10});
  inbox_->hang(true);
  for (std::uint64_t i = 0; i < 30; ++i) sink->offer(alert(i));
  ASSERT_TRUE(inbox_->wait_for_attempts(1));
  ASSERT_TRUE(wait([&] { return sink->status().queued + sink->status().spooled == 30; }));
  inbox_->hang(false);
  sink->stop(in(seconds(30)));
  auto numbers = delivered();
  std::ranges::sort(numbers);
  ASSERT_EQ(numbers.size(), 30U);
  EXPECT_TRUE(std::ranges::adjacent_find(numbers) == numbers.end()) << "delivered twice";
  for (const auto& batch : inbox_->batches()) {
    EXPECT_LE(batch.size(), 10U);
    EXPECT_TRUE(std::ranges::is_sorted(batch, {}, [](const std::string& id) { return std::stoull(id); }));
  }
  EXPECT_EQ(sink->status().retried, 20U);
}

TEST_P(SinkBothTest, BatchesKeepToTheDestinationsLimits) {
  inbox_->hang(true);
  auto sink = start({.messages = 1000, .bytes = 1000});
  for (std::uint64_t i = 0; i < 50; ++i) sink->offer(alert(i));
  ASSERT_TRUE(inbox_->wait_for_attempts(1));
  ASSERT_TRUE(wait([&] { return sink->status().queued + sink->status().spooled == 50; }));
  inbox_->hang(false);
  sink->stop(in(seconds(30)));
  EXPECT_EQ(delivered().size(), 50U);
  for (const auto& batch : inbox_->batches()) EXPECT_LE(batch.size(), 4U) << "of 215 bytes each";
}

TEST_P(SinkBothTest, AHangingDestinationIsStoppedByTheDeadline) {
  inbox_->hang(true);
  auto sink = start();
  for (std::uint64_t i = 0; i < 10; ++i) sink->offer(alert(i));
  ASSERT_TRUE(inbox_->wait_for_attempts(1));
  sink->stop(in(milliseconds(50)));
  const SinkStatus status = sink->status();
  EXPECT_EQ(lost(status, Loss::kStop), GetParam() ? 0U : 10U);
  sink.reset();
  inbox_->hang(false);
  sink = start();
  sink->stop(in(seconds(30)));
  EXPECT_EQ(delivered().size(), GetParam() ? 10U : 0U) << "what the spool has is for the next process";
}

TEST_P(SinkBothTest, ReopensOnItsThread) {
  auto sink = start();
  sink->reopen();
  EXPECT_TRUE(inbox_->wait([&](const auto&, std::size_t) { return true; }));
  EXPECT_TRUE(wait([&] { return inbox_->reopened() == 1; }));
}

TEST_P(SinkBothTest, TheFirstFailureAndTheRecoveryAreTold) {
  inbox_->down();
  auto sink = start();
  sink->offer(alert(0));
  ASSERT_TRUE(inbox_->wait_for_attempts(5));
  ASSERT_TRUE(wait([&] { return sink->status().failing; }));
  EXPECT_EQ(sink->status().last_error, "503 Service Unavailable");
  inbox_->up();
  ASSERT_TRUE(inbox_->wait_for(1));
  ASSERT_TRUE(wait([&] { return !sink->status().failing; }));
  EXPECT_EQ(sink->status().backoff, milliseconds(0));
  const auto notices = sink->take_notices();
  ASSERT_THAT(kinds(notices), ElementsAre(SinkNotice::Kind::kFailing, SinkNotice::Kind::kRecovered));
  EXPECT_EQ(notices[0].text, "sink test: memory does not take alerts: 503 Service Unavailable; they wait and are tried again");
  EXPECT_EQ(notices[0].fields[0], (std::pair<std::string, act::FieldValue>("sink", std::string("test"))));
}

TEST_F(SinkTest, AFullQueueLosesTheLeastUrgentAndTellsIt) {
  options_.queue_alerts = 10;
  inbox_->hang(true);
  auto sink = start({.messages = 1});
  sink->offer(alert(0, 0));
  ASSERT_TRUE(inbox_->wait_for_attempts(1));
  // Without a spool what is behind the queue is bounded in the same way.
  for (std::uint64_t i = 1; i <= 100; ++i) sink->offer(alert(i, i % 10 == 0 ? 2 : 7));
  ASSERT_TRUE(wait([&] { return sink->status().queued == 11; }));
  const SinkStatus status = sink->status();
  EXPECT_EQ(lost(status, Loss::kQueue) + lost(status, Loss::kMemory), 90U);
  PerPriority by_priority{};
  for (const PerPriority& of : status.lost) {
    for (std::size_t i = 0; i < kPriorities; ++i) by_priority[i] += of[i];
  }
  EXPECT_EQ(by_priority[7], 90U);
  inbox_->hang(false);
  sink->stop(in(seconds(30)));
  EXPECT_THAT(delivered(), ElementsAre(0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100));
  const auto notices = sink->take_notices();
  ASSERT_FALSE(notices.empty());
  std::uint64_t told = 0;
  for (const SinkNotice& notice : notices) {
    EXPECT_EQ(notice.kind, SinkNotice::Kind::kLost);
    for (const auto& [key, value] : notice.fields) {
      if (key == "lost.debug") told += std::get<std::uint64_t>(value);
    }
  }
  EXPECT_EQ(told, 90U);
}

TEST_F(SinkTest, AFullSpoolIsToldWithPriorities) {
  with_spool();
  options_.spool.max_bytes = 200'000;
  inbox_->down();
  auto sink = start();
  for (std::uint64_t i = 0; i < 2000; ++i) {
    sink->offer(alert(i, i % 20 == 0 ? 1 : 6));
    if (i % 100 == 0) usleep(1000);
  }
  ASSERT_TRUE(wait([&] { return sink->status().queued == 0; }));
  inbox_->up();
  sink->stop(in(seconds(30)));
  const SinkStatus status = sink->status();
  EXPECT_EQ(status.delivered + lost(status, Loss::kSpool), 2000U);
  EXPECT_EQ(status.lost_sum(), lost(status, Loss::kSpool));
  EXPECT_EQ(status.lost[static_cast<std::size_t>(Loss::kSpool)][1], 0U)
      << "an alert was lost for the sake of a message for information";
  std::uint64_t told = 0;
  for (const SinkNotice& notice : sink->take_notices()) {
    if (notice.kind != SinkNotice::Kind::kLost) continue;
    EXPECT_THAT(notice.text, AllOf(HasSubstr("sink test: "), HasSubstr(" alerts were lost: spool full (")));
    for (const auto& [key, value] : notice.fields) {
      if (key == "lost.informational") told += std::get<std::uint64_t>(value);
    }
  }
  EXPECT_EQ(told, lost(status, Loss::kSpool));
}

TEST_F(SinkTest, RejectedOnesAndThoseTriedTooOftenAreDeadLetters) {
  with_spool();
  options_.retry.max_attempts = 3;
  inbox_->decide([](const Message& message) {
    if (message.id == "1") return Outcome{Fate::kRejected, "400 Bad Request: \"no\"\n"};
    if (message.id == "2") return Outcome{Fate::kRetry, "500"};
    return Outcome{Fate::kDelivered, {}};
  });
  auto sink = start({.messages = 1});
  for (std::uint64_t i = 0; i < 5; ++i) sink->offer(alert(i));
  ASSERT_TRUE(inbox_->wait_for(3));
  EXPECT_EQ(sink->status().rejected, 2U);
  EXPECT_THAT(delivered(), ElementsAre(0, 3, 4));
  auto report = spool_report(options_.spool.directory);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->user, getpid());
  EXPECT_EQ(report->dead.messages, 2U);
  std::ifstream dead(options_.spool.directory + "/dead.jsonl");
  std::string line;
  std::getline(dead, line);
  auto letter = parse_dead_letter(line);
  ASSERT_TRUE(letter) << line;
  EXPECT_EQ(letter->reason, "400 Bad Request: \"no\"\n");
  EXPECT_EQ(letter->attempts, 1U);
  EXPECT_EQ(letter->message, make_message(*alert(1), PlainEncoder()));
  std::getline(dead, line);
  letter = parse_dead_letter(line);
  ASSERT_TRUE(letter) << line;
  EXPECT_EQ(letter->attempts, 3U);
  EXPECT_THAT(sink->take_notices(),
              testing::Contains(testing::Field(&SinkNotice::text, HasSubstr("rejected 1 alert: 400 Bad Request"))));

  inbox_->up();
  const auto replayed = sink->replay_dead_letters();
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(replayed->messages, 2U);
  ASSERT_TRUE(inbox_->wait_for(5));
  EXPECT_THAT(delivered(), ElementsAre(0, 3, 4, 1, 2));
  sink->stop(in(seconds(30)));
  report = spool_report(options_.spool.directory);
  EXPECT_EQ(report->dead.messages, 0U);
  EXPECT_EQ(report->spooled.messages, 0U);
  EXPECT_EQ(sink->status().replayed, 2U);
}

TEST_F(SinkTest, WithoutASpoolRejectedOnesAreCountedAndTold) {
  inbox_->decide([](const Message&) { return Outcome{Fate::kRejected, "no"}; });
  auto sink = start();
  sink->offer(alert(0));
  ASSERT_TRUE(wait([&] { return sink->status().rejected == 1; }));
  EXPECT_EQ(lost(sink->status(), Loss::kDeadLetter), 1U);
  EXPECT_FALSE(sink->replay_dead_letters());
  sink->stop(in(seconds(1)));
  EXPECT_THAT(sink->take_notices(),
              testing::Contains(testing::Field(&SinkNotice::text, HasSubstr("without a spool they are not kept"))));
}

TEST_F(SinkTest, FiltersByPriorityRuleAndTag) {
  struct Row {
    SinkFilter filter;
    bool wanted;
  };
  const std::vector<Row> rows = {
      {{}, true},
      {{5, {}, {}}, true},
      {{4, {}, {}}, false},
      {{7, {"Shell in a container"}, {}}, true},
      {{7, {"Shell"}, {}}, false},
      {{7, {"x", "Shell in *"}, {}}, true},
      {{7, {}, {"mitre"}}, true},
      {{7, {}, {"mit*"}}, false},
      {{7, {}, {"none", "host"}}, true},
      {{5, {"Shell*"}, {"none"}}, false},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    options_.filter = rows[i].filter;
    EXPECT_EQ(start()->wants(*alert(0, 5, "Shell in a container")), rows[i].wanted) << i;
  }
  Sink sink({.options = {},
             .encoder = std::make_unique<PlainEncoder>(),
             .destination = std::make_unique<test::MemoryDestination>(inbox_, Destination::Limits{}),
             .condition = [](const act::Alert& of) { return of.id == "1"; }});
  EXPECT_FALSE(sink.wants(*alert(0)));
  EXPECT_TRUE(sink.wants(*alert(1)));
  EXPECT_EQ(sink.status().filtered, 1U);
}

TEST_F(SinkTest, SumsRepetitionAndLosesNothingAtTheEnd) {
  options_.sum = seconds(3600);
  auto sink = start();
  for (std::uint64_t i = 0; i < 100; ++i) sink->offer(alert(i, 5, i % 2 == 0 ? "even" : "odd"));
  ASSERT_TRUE(inbox_->wait_for(2));
  sink->stop(in(seconds(30)));
  const auto messages = inbox_->delivered();
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[0].id, "0");
  EXPECT_EQ(messages[1].id, "1");
  EXPECT_EQ(messages[2].id, "98");
  EXPECT_THAT(messages[2].body, HasSubstr("(×49 in 3600 s)"));
  EXPECT_THAT(messages[3].body, HasSubstr("(×49 in 3600 s)"));
  EXPECT_EQ(sink->status().summed, 98U);
}

TEST_F(SinkTest, TheSubjectIsTheContainer) {
  act::Alert of = *alert(0);
  of.fields = {{"container.id", std::string("host")}};
  EXPECT_EQ(make_message(of, PlainEncoder()).subject, "host");
  of.facts = {{"container.id", std::string("0123456789ab")}};
  EXPECT_EQ(make_message(of, PlainEncoder()).subject, "0123456789ab");
  of.facts.clear();
  of.fields = {{"container.id", std::monostate{}}};
  EXPECT_EQ(make_message(of, PlainEncoder()).subject, "host");
}

TEST_F(SinkTest, ASpoolInUseLeavesMemoryAndIsTakenWhenItIsFree) {
  with_spool();
  auto other = Spool::open(options_.spool, 1);
  ASSERT_TRUE(other);
  inbox_->down();
  auto sink = start();
  for (std::uint64_t i = 0; i < 100; ++i) sink->offer(alert(i));
  ASSERT_TRUE(wait([&] { return sink->status().queued == 100; }));
  EXPECT_TRUE(sink->status().spool_failed);
  other->reset();
  ASSERT_TRUE(wait([&] { return !sink->status().spool_failed; }));
  inbox_->up();
  for (std::uint64_t i = 100; i < 200; ++i) sink->offer(alert(i));
  sink->stop(in(seconds(30)));
  auto numbers = delivered();
  EXPECT_EQ(numbers.size(), 200U);
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
  const auto notices = sink->take_notices();
  EXPECT_THAT(notices, testing::Contains(testing::Field(&SinkNotice::text, HasSubstr("in use by process"))));
  EXPECT_THAT(kinds(notices), testing::Contains(SinkNotice::Kind::kSpoolRecovered));
}

// A disk that is full, and later is not. In a process of its own, with its own view of mounts.
TEST_F(SinkTest, AFullDiskIsBridgedByMemory) {
  const std::string disk = directory_.path() + "/disk";
  std::filesystem::create_directories(disk);
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
      _exit(77);
    options_.spool.directory = disk + "/spool";
    inbox_->down();
    {
      auto sink = start();
      for (std::uint64_t i = 0; i < 3000; ++i) sink->offer(alert(i));
      EXPECT_TRUE(wait([&] { return sink->status().queued + sink->status().spooled == 3000 && sink->status().spool_failed; }));
      const SinkStatus status = sink->status();
      EXPECT_GT(status.queued, 1000U);
      EXPECT_GT(status.spooled, 300U);
      EXPECT_EQ(mount("none", disk.c_str(), nullptr, MS_REMOUNT, "size=16m"), 0);
      EXPECT_TRUE(wait([&] { return sink->status().queued <= 100 && !sink->status().spool_failed; }));
      inbox_->up();
      sink->stop(in(seconds(30)));
      const auto numbers = delivered();
      EXPECT_EQ(numbers.size(), 3000U);
      EXPECT_TRUE(std::ranges::is_sorted(numbers));
      const auto notices = sink->take_notices();
      EXPECT_THAT(notices, testing::Contains(
                               testing::Field(&SinkNotice::text, HasSubstr("No space left on device; alerts wait in memory"))));
      EXPECT_THAT(kinds(notices), testing::Contains(SinkNotice::Kind::kSpoolRecovered));
    }
    _exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "a mount namespace of its own can't be had here";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// SHRIKE_OUTAGE_SECONDS: how long, 3 if not said.
TEST_F(SinkTest, AnOutageLosesNothingKeepsMemoryAndDisturbsNoOther) {
  const char* setting = std::getenv("SHRIKE_OUTAGE_SECONDS");
  const std::uint64_t outage = setting != nullptr ? std::strtoull(setting, nullptr, 10) : 3;
  constexpr std::uint64_t kPerSecond = 1000;
  with_spool();
  options_.name = "down";
  options_.retry = {.base = milliseconds(100), .cap = milliseconds(1000), .max_attempts = 0};
  inbox_->down();
  auto hanging = std::make_shared<test::Inbox>();
  hanging->hang(true);
  auto well = std::make_shared<test::Inbox>();

  std::vector<std::unique_ptr<Sink>> sinks;
  sinks.push_back(start());
  SinkOptions other = options_;
  other.name = "hanging";
  other.spool.directory = directory_.path() + "/hanging";
  sinks.push_back(std::make_unique<Sink>(
      Sink::Parts{.options = other,
                  .encoder = std::make_unique<PlainEncoder>(),
                  .destination = std::make_unique<test::MemoryDestination>(hanging, Destination::Limits{.messages = 100})}));
  other = {};
  other.name = "well";
  sinks.push_back(std::make_unique<Sink>(
      Sink::Parts{.options = other,
                  .encoder = std::make_unique<PlainEncoder>(),
                  .destination = std::make_unique<test::MemoryDestination>(well, Destination::Limits{.messages = 100})}));
  FanOut fan_out(std::move(sinks));

  const std::uint64_t before = resident_bytes();
  std::uint64_t most = before;
  const auto begin = Sink::Clock::now();
  milliseconds slowest{0};
  std::uint64_t number = 0;
  for (; number < outage * kPerSecond; ++number) {
    const auto at = begin + std::chrono::microseconds(number * 1'000'000 / kPerSecond);
    std::this_thread::sleep_until(at);
    const auto start_of_write = Sink::Clock::now();
    ASSERT_TRUE(fan_out.write(*alert(number)));
    slowest = std::max(slowest, std::chrono::duration_cast<milliseconds>(Sink::Clock::now() - start_of_write));
    if (number % 500 == 0) most = std::max(most, resident_bytes());
  }
  ASSERT_TRUE(well->wait_for(number));
  most = std::max(most, resident_bytes());
  // What the two others keep for the test is no part of the sinks' memory.
  const std::uint64_t kept = number * 400;
  const std::uint64_t growth = most - before - std::min(most - before, kept);
  EXPECT_EQ(fan_out.find("well")->status().lost_sum(), 0U);
  EXPECT_EQ(fan_out.find("down")->status().delivered, 0U);
  EXPECT_LT(growth, 32U << 20U);
  inbox_->up();
  hanging->hang(false);
  const auto back = Sink::Clock::now();
  fan_out.stop(in(seconds(120)));
  const auto drained = std::chrono::duration_cast<milliseconds>(Sink::Clock::now() - back);
  for (const auto& inbox : {inbox_, hanging, well}) {
    std::set<std::string> ids;
    for (const Message& message : inbox->delivered()) ids.insert(message.id);
    EXPECT_EQ(ids.size(), number);
  }
  for (const auto& sink : fan_out.sinks()) EXPECT_EQ(sink->status().lost_sum(), 0U) << sink->name();
  std::printf(
      "outage of %lu s, %lu alerts: memory grew by %.1f MiB (%.1f with what the test keeps), slowest write %ld ms, drained in "
      "%ld ms\n",
      static_cast<unsigned long>(outage), static_cast<unsigned long>(number), static_cast<double>(growth) / 1048576.0,
      static_cast<double>(most - before) / 1048576.0, static_cast<long>(slowest.count()), static_cast<long>(drained.count()));
}

TEST(DeadLetters, KeepAnyBytes) {
  const DeadLetter letter{.message = {.id = "i",
                                      .time_ns = UINT64_MAX,
                                      .priority = 3,
                                      .rule = "\xff\xfe rule",
                                      .source = "syscall",
                                      .host = std::string("h\0h", 3),
                                      .subject = "s\"\n",
                                      .body = "{\"ü\": 1}\x80"},
                          .died_ns = 5,
                          .attempts = 2,
                          .reason = "r\x1b[0m"};
  const std::string line = dead_letter_line(letter);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto parsed = parse_dead_letter(line);
  ASSERT_TRUE(parsed) << line;
  EXPECT_EQ(*parsed, letter);
  for (const char* bad : {"", "{}", "[]", "null", "{\"died_ns\": -1}", "\xff"}) EXPECT_FALSE(parse_dead_letter(bad)) << bad;
  for (std::size_t size = 0; size < line.size(); ++size) EXPECT_FALSE(parse_dead_letter(line.substr(0, size)));
}

TEST(DeadLetters, AreBoundedAndReplayedOffline) {
  const test::TemporaryDirectory directory;
  SpoolOptions options{.directory = directory.path() + "/spool"};
  EXPECT_EQ(spool_report(options.directory).error().code, Code::kNotFound);
  EXPECT_EQ(replay_dead_letters(options, 1).error().code, Code::kNotFound);
  DeadLetter letter;
  letter.message.time_ns = 7;
  letter.message.body = std::string(100, 'x');
  const std::size_t size = dead_letter_line(letter).size() + 1;
  DeadLetters dead(options.directory, size * 10);
  for (int i = 0; i < 35; ++i) ASSERT_TRUE(dead.add(letter));
  EXPECT_EQ(dead.lost(), 20U);
  // A line cut short by a kill.
  std::ofstream(options.directory + "/dead.jsonl", std::ios::app) << dead_letter_line(letter).substr(0, 50);
  ASSERT_TRUE(dead.add(letter));
  auto report = spool_report(options.directory);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->dead.messages, 16U);
  EXPECT_EQ(report->unreadable_dead, 1U);
  EXPECT_EQ(report->dead.oldest_ns, 7U);
  EXPECT_EQ(report->user, 0);
  {
    const auto user = Spool::open(options, 1);
    ASSERT_TRUE(user);
    EXPECT_THAT(replay_dead_letters(options, 1).error().message, HasSubstr("in use by process"));
  }
  options.max_bytes = 2000;
  EXPECT_EQ(replay_dead_letters(options, 1).error().code, Code::kLimit);
  options.max_bytes = 1U << 20U;
  const auto replayed = replay_dead_letters(options, 1'800'000'000'000'000'000U);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(replayed->messages, 16U);
  EXPECT_EQ(replayed->unreadable, 1U);
  report = spool_report(options.directory);
  EXPECT_EQ(report->dead.messages, 0U);
  EXPECT_EQ(report->unreadable_dead, 1U);
  EXPECT_EQ(report->spooled.messages, 16U);
  EXPECT_EQ(report->by_priority[7], 16U);
}

}  // namespace
}  // namespace shrike::outputs
