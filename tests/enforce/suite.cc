// SPDX-License-Identifier: Apache-2.0
#include "tests/enforce/suite.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace shrike::test {
namespace {

constexpr std::string_view kMark = "Mark of a test";
constexpr std::chrono::seconds kGrace{1};  // after the mark has come, alerts from before it should be there

}  // namespace

std::string Suite::with_mark(const Place& place, const std::string& rules) {
  return rules + yaml(std::string(kMark),
                      "evt.type in (open, openat, openat2) and fd.num>=0 and fd.name startswith " + place.path("mark-"), "");
}

void Suite::start(const std::string& rules, const std::string& mode, const std::string& config) {
  if (!place.failure().empty()) return;
  daemon = std::make_unique<Daemon>(
      Daemon::Options{.directory = place.directory(), .rules = with_mark(place, rules), .mode = mode, .config = config});
}

std::string Suite::failure() const {
  if (!place.failure().empty()) return place.failure();
  return daemon ? daemon->failure() : "no daemon";
}

void Suite::settle() {
  const std::string name = "mark-" + std::to_string(++marks_) + ".";
  place.file(name);
  if (silent_) return;
  silent_ = daemon->alerts(name, 1).empty();
  EXPECT_FALSE(silent_) << "the daemon does not alert any more:\n" << daemon->log();
}

void Suite::expect_alerts(const std::string& token, std::vector<Expected> expected) {
  settle();
  daemon->alerts(token, expected.size(), kGrace);
  std::vector<Expected> found;
  for (const nlohmann::json& alert : daemon->alerts(token)) {
    if (alert.value("rule", "") == kMark) continue;
    found.push_back({alert.value("rule", ""), alert.value("verdict", ""), alert.value("hook", ""), alert.value("errno", 0)});
    if (alert.value("verdict", "") != "alert")
      EXPECT_GT(alert.value("generation", 0), 0) << alert.dump();
    else
      EXPECT_FALSE(alert.contains("hook")) << alert.dump();
  }
  if (std::ranges::any_of(expected, [](const Expected& e) { return e.hook == kAnyHook; })) {
    for (Expected& alert : found) alert.hook = kAnyHook;
  }
  EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected));
}

Outcome Suite::expect(const Command& command, int exit_code, std::vector<Expected> expected) {
  std::string words;
  for (const std::string& word : command) words += word + " ";
  SCOPED_TRACE(words);
  Outcome outcome = run(command);
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.output << outcome.errors;
  expect_alerts(token(outcome.pid), std::move(expected));
  return outcome;
}

}  // namespace shrike::test
