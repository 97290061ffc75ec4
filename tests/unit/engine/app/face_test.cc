// SPDX-License-Identifier: Apache-2.0
// What the daemon's face is made of, without a daemon: the queue of requests, the feed of alerts, conditions about alerts,
// metrics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/app/alert_feed.h"
#include "engine/app/metrics.h"
#include "engine/app/requests.h"
#include "engine/app/snapshot.h"

namespace shrike::app {
namespace {

using std::chrono::milliseconds;

TEST(Requests, AnAnswerComesFromTheThreadThatServes) {
  Requests requests;
  std::atomic<bool> stop = false;
  std::thread engine([&] {
    while (!stop) requests.serve();
  });
  const auto id = engine.get_id();
  const Answer answer =
      requests.ask([&] { return Answer{200, {{"there", std::this_thread::get_id() == id}}}; }, milliseconds(10'000));
  stop = true;
  engine.join();
  EXPECT_EQ(answer.body, (nlohmann::json{{"there", true}}));
}

TEST(Requests, WhatWasGivenUpIsNeverDone) {
  Requests requests;
  bool done = false;
  const Answer answer = requests.ask(
      [&] {
        done = true;
        return Answer{};
      },
      milliseconds(10));
  EXPECT_EQ(answer.status, 503);
  requests.serve();
  EXPECT_FALSE(done);
  EXPECT_EQ(requests.refused(), 1);
}

TEST(Requests, WhatHasBegunIsWaitedFor) {
  Requests requests;
  std::atomic<bool> stop = false;
  std::thread engine([&] {
    while (!stop) requests.serve();
  });
  const Answer answer = requests.ask(
      [] {
        std::this_thread::sleep_for(milliseconds(300));
        return Answer{200, {{"late", true}}};
      },
      milliseconds(100));
  stop = true;
  engine.join();
  EXPECT_EQ(answer.status, 200);
}

TEST(Requests, ThereAreOnlySoMany) {
  Requests requests;
  std::vector<std::thread> askers;
  std::atomic<int> busy = 0, stopping = 0;
  for (std::size_t i = 0; i < Requests::kMost + 3; ++i) {
    askers.emplace_back([&] {
      const Answer answer = requests.ask([] { return Answer{}; }, milliseconds(60'000));
      ++(answer.body.value("message", "").starts_with("busy") ? busy : stopping);
    });
  }
  while (busy < 3) std::this_thread::yield();
  requests.close();  // the others are told, not left waiting
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(busy, 3);
  EXPECT_EQ(stopping, static_cast<int>(Requests::kMost));
  EXPECT_EQ(requests.ask([] { return Answer{}; }, milliseconds(60'000)).status, 503);
}

act::Alert alert(std::vector<std::pair<std::string, act::FieldValue>> fields,
                 std::vector<std::pair<std::string, act::FieldValue>> facts = {}) {
  act::Alert one;
  one.time_ns = 1'793'613'600'000'000'000;
  one.rule = "R";
  one.fields = std::move(fields);
  one.facts = std::move(facts);
  return one;
}

TEST(AlertFeed, WhoIsSlowLosesAndIsTold) {
  AlertFeed feed;
  feed.publish(alert({}));  // before anybody looks
  const auto looker = feed.look();
  for (std::size_t i = 0; i < AlertFeed::kWaitingMost + 7; ++i) feed.publish(alert({}));
  const AlertFeed::Next first = looker->next(milliseconds(0));
  EXPECT_NE(first.alert, nullptr);
  EXPECT_EQ(first.lost, 7);
  EXPECT_EQ(looker->next(milliseconds(0)).lost, 0) << "told once";
  EXPECT_EQ(feed.lost(), 7);
  std::size_t rest = 2;
  feed.close();
  AlertFeed::Next next;
  while (!(next = looker->next(milliseconds(0))).closed) rest += next.alert != nullptr ? 1 : 0;
  EXPECT_EQ(rest, AlertFeed::kWaitingMost) << "what waits at the end is still handed out";
}

TEST(AlertFeed, WhoLetsGoMakesRoom) {
  AlertFeed feed;
  std::vector<std::shared_ptr<AlertFeed::Looker>> lookers;
  for (std::size_t i = 0; i < AlertFeed::kLookersMost; ++i) lookers.push_back(feed.look());
  EXPECT_EQ(feed.look(), nullptr);
  lookers.pop_back();
  EXPECT_EQ(feed.lookers(), AlertFeed::kLookersMost - 1);
  EXPECT_NE(feed.look(), nullptr);
}

TEST(AlertCondition, IsAskedAboutWhatTheAlertCarries) {
  using Strings = std::vector<std::string>;
  const act::Alert one =
      alert({{"proc.name", "sh"},
             {"fd.num", std::int64_t{3}},
             {"proc.pid", std::int64_t{77}},
             {"user.uid", std::uint64_t{0}},
             {"fd.names", Strings{"/a", "/b"}},
             {"static.site", "berlin"},
             {"proc.cmdline", std::monostate{}},
             {"evt.is_open_write", true}},
            {{"container.id", "host"}, {"fd.sip", "10.0.0.1"}, {"proc.name", "other"}, {"evt.type", "openat"}});
  const std::pair<const char*, bool> rows[] = {
      {"proc.name = sh", true},
      {"proc.name = other", false},  // the output's stands before the fact
      {"proc.pid = 77", true},
      {"fd.num > 2 and user.uid = 0", true},
      {"evt.is_open_write = true", true},
      {"container.id = host", true},
      {"fd.sip = 10.0.0.2", false},
      {"fd.snet = 10.0.0.0/8", true},
      {"evt.type = openat", true},
      {"evt.type = execve", false},
      {"proc.cmdline exists", false},
      {"proc.exepath exists", false},
      {"not proc.exepath = /bin/sh", true},
      {"proc.name in (sh, bash) and not fd.sport = 80", true},
  };
  for (const auto& [text, holds] : rows) {
    lang::Diagnostics diagnostics;
    const auto condition = AlertCondition::compile(text, diagnostics);
    ASSERT_NE(condition, nullptr) << text << ": " << diagnostics.all().front().message;
    EXPECT_EQ(condition->holds(one), holds) << text;
    EXPECT_FALSE(condition->holds(alert({{"proc.name", "x"}})) && std::string(text) == "proc.name = sh")
        << "nothing stays from the alert before";
  }
}

TEST(AlertCondition, SaysWhatIsWrong) {
  for (const auto& [text, place] : std::initializer_list<std::pair<const char*, std::size_t>>{
           {"proc.name = sh and fd.nmae = x", 20}, {"proc.name", 10}, {"", 1}, {"evt.type = openat and", 22}}) {
    lang::Diagnostics diagnostics;
    EXPECT_EQ(AlertCondition::compile(text, diagnostics), nullptr) << text;
    ASSERT_TRUE(diagnostics.has_errors()) << text;
    EXPECT_EQ(diagnostics.all().front().position.file, "condition") << text;
    EXPECT_EQ(diagnostics.all().front().position.column, place) << text << diagnostics.all().front().message;
  }
}

TEST(Metrics, LabelsCanNotForgeALine) {
  Snapshot snapshot;
  snapshot.version = "1\"2";
  snapshot.rules["a\"} 1\nshrike_forged 1\\ \xff"] = {.priority = 4, .action = "block", .alerts = 3, .decisions = {.blocked = 2}};
  const std::string text = metrics_text(snapshot);
  EXPECT_THAT(text, testing::HasSubstr("shrike_rule_matches_total{rule=\"a\\\"} 1\\nshrike_forged 1\\\\ "
                                       "\xef\xbf\xbd\",priority=\"Warning\",action=\"block\"} 3\n"));
  EXPECT_THAT(text, testing::HasSubstr("verdict=\"blocked\"} 2\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("\nshrike_forged")));
}

TEST(Metrics, AddressesToListenOn) {
  const std::tuple<const char*, bool, bool> rows[] = {
      {"127.0.0.1:9376", true, true},
      {"[::1]:9376", true, true},
      {"0.0.0.0:80", true, false},
      {"[::]:80", true, false},
      {"127.0.0.1", false, false},
      {"127.0.0.1:0", false, false},
      {"127.0.0.1:65536", false, false},
      {"::1:80", false, false},
      {"[127.0.0.1]:80", false, false},
      {"localhost:80", false, false},
      {"127.0.0.1:80x", false, false},
      {":80", false, false},
      {"", false, false},
  };
  for (const auto& [text, valid, loopback] : rows) {
    const auto address = parse_listen(text);
    ASSERT_EQ(address.has_value(), valid) << text;
    if (address) {
      EXPECT_EQ(address->loopback, loopback) << text;
    }
  }
}

}  // namespace
}  // namespace shrike::app
