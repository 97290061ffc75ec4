// SPDX-License-Identifier: Apache-2.0
#include "engine/app/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/app/load_rules.h"
#include "engine/app/run_suite.h"

namespace shrike::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRules = R"(
- rule: Reads
  desc: d
  condition: evt.type in (open, openat) and fd.name startswith /etc/
  output: read %fd.name user=%user.uid flag=%evt.failed names=%fd.names c=%container.name
  priority: NOTICE
- rule: Reads shadow
  desc: d
  condition: evt.type in (open, openat) and fd.name = /etc/shadow
  output: shadow
  priority: WARNING
- rule: Off
  desc: d
  condition: evt.type = execve and proc.name = off
  output: off
  priority: WARNING
  enabled: false
- rule: Kill
  desc: d
  condition: evt.type in (execve, execveat) and proc.exepath startswith /tmp/kill/
  output: kill
  priority: WARNING
  action: kill
- rule: Watched
  desc: d
  condition: evt.type in (execve, execveat) and proc.exepath startswith /tmp/
  output: watched
  priority: WARNING
  action: block
  mode: monitor
- rule: Block
  desc: d
  condition: evt.type in (execve, execveat) and proc.exepath startswith /tmp/
  output: block
  priority: WARNING
  action: block
- rule: Starts
  desc: d
  condition: evt.type = execve and proc.exepath startswith /tmp/
  output: starts
  priority: WARNING
)";

class SuiteTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("suite_" + std::to_string(getpid()));
    fs::create_directories(folder_ / "tests");
    std::ofstream(folder_ / "r.yaml") << kRules;
  }
  void TearDown() override { fs::remove_all(folder_); }

  Suite read(const std::string& text) {
    const std::string path = folder_ / "tests" / "s.yaml";
    std::ofstream(path) << text;
    diagnostics_ = {};
    return read_suite(path, diagnostics_);
  }

  // Of every case what differs.
  std::vector<std::string> run(const std::string& cases, const std::string& head = "") {
    const Suite suite = read("rules: [../r.yaml]\n" + head + "cases:\n" + cases);
    for (const lang::Diagnostic& one : diagnostics_.all()) ADD_FAILURE() << lang::format(one);
    const LoadedRules loaded = load_rules(suite.rules, {.suggested_output = false});
    for (const lang::Diagnostic& one : loaded.diagnostics.all()) EXPECT_EQ(one.severity, lang::Severity::kWarning) << one.message;
    SuiteRunner runner(loaded.program, suite.matching);
    std::vector<std::string> results;
    for (const SuiteCase& one : suite.cases) results.push_back(to_text(runner.run(one)));
    return results;
  }

  // Line, column and message of what is wrong with a suite.
  std::vector<std::string> errors(const std::string& text) {
    read(text);
    std::vector<std::string> found;
    for (const lang::Diagnostic& one : diagnostics_.all())
      found.push_back(std::to_string(one.position.line) + ':' + std::to_string(one.position.column) + ' ' + one.message +
                      (one.hint.empty() ? "" : " | " + one.hint));
    return found;
  }

  fs::path folder_;
  lang::Diagnostics diagnostics_;
};

TEST_F(SuiteTest, WhatFitsPasses) {
  const auto results = run(R"(
  - name: typed values
    event: {evt.type: openat, fd.name: /etc/a, user.uid: 18446744073709551615, evt.failed: false, fd.names: [/b, /c]}
    alerts:
      - rule: Reads
        output_fields: {fd.name: /etc/a, user.uid: 18446744073709551615, evt.failed: false, fd.names: [/b, /c], container.name: null}
  - name: two events, in any order
    events:
      - {evt.type: openat, evt.time: 5, fd.name: /etc/a}
      - {evt.type: open, evt.time: 6, fd.name: {base64: L2V0Yy9i}}
    alerts: [{rule: Reads, output_fields: {fd.name: /etc/b, evt.time: 6}}, {rule: Reads}]
  - name: the exact expectation takes its alert, be it the last
    events: [{evt.type: openat, fd.name: /etc/b}, {evt.type: openat, fd.name: /etc/a}]
    alerts: [{rule: Reads}, {rule: Reads, output_fields: {fd.name: /etc/b}}]
  - name: silence
    event: {evt.type: openat, fd.name: /usr/a}
    alerts: []
  - name: quotes make text
    event: {evt.type: openat, fd.name: "/etc/1", proc.name: 5, proc.exe: "true"}
    alerts: [{rule: Reads}]
)");
  EXPECT_THAT(results, testing::Each("")) << testing::PrintToString(results);
  EXPECT_EQ(results.size(), 5U);
}

TEST_F(SuiteTest, WhatDoesNotFitIsShown) {
  EXPECT_THAT(run(R"(
  - name: differs
    event: {evt.type: openat, fd.name: "/etc/a\nb", user.uid: 5}
    alerts: [{rule: Reads, verdict: block, output_fields: {fd.name: /etc/b, user.uid: 6, container.name: x, no.field: 1, evt.failed: null}}]
  - name: missing and unexpected
    event: {evt.type: openat, fd.name: /etc/a}
    alerts: [{rule: "Starts"}]
  - name: too many
    events: [{evt.type: openat, fd.name: /etc/a}, {evt.type: openat, fd.name: /etc/a}]
    alerts: [{rule: Reads}]
  - name: masked
    event: {evt.type: openat, fd.name: /etc/shadow}
    alerts: [{rule: Reads shadow}]
  - name: disabled
    event: {evt.type: execve, proc.name: "off"}
    alerts: [{rule: "Off"}]
)"),
              testing::ElementsAre(R"(  alert of Reads, expected (-) and got (+):
    - verdict: "blocked"
    + verdict: "alert"
    - fd.name: "/etc/b"
    + fd.name: "/etc/a\nb"
    - user.uid: 6
    + user.uid: 5
    - container.name: "x"
    + container.name: null
    - no.field: "1"
    + no.field: nothing: the rule's output has no such field
)",
                                   R"(  missing alert: Starts
  unexpected alert: Reads: read /etc/a user=<NA> flag=<NA> names=<NA> c=<NA>
  note: "Starts" is not asked about openat events
)",
                                   R"(  unexpected alert: Reads: read /etc/a user=<NA> flag=<NA> names=<NA> c=<NA>
)",
                                   R"(  missing alert: Reads shadow
  unexpected alert: Reads: read /etc/shadow user=<NA> flag=<NA> names=<NA> c=<NA>
  note: "Reads shadow" holds, but an earlier rule alerts in its stead: matching is first (`matching: all` asks every rule)
)",
                                   R"(  missing alert: Off
  note: "Off" is disabled
)"));
}

TEST_F(SuiteTest, MatchingAllAsksEveryRule) {
  EXPECT_THAT(run(R"(
  - name: both
    event: {evt.type: openat, fd.name: /etc/shadow}
    alerts: [{rule: Reads shadow}, {rule: Reads}]
)",
                  "matching: all\n"),
              testing::ElementsAre(""));
}

TEST_F(SuiteTest, VerdictsAreThoseOfAHostThatEnforces) {
  EXPECT_THAT(run(R"(
  - name: the first enforcing rule decides, the one in mode monitor reports, alert rules alert too
    event: {evt.type: execve, proc.exepath: /tmp/x}
    verdict: block
    alerts: [{rule: Watched, verdict: would_block}, {rule: Block, verdict: block}, {rule: Starts, verdict: alert}]
  - name: a kill rule wins
    event: {evt.type: execve, proc.exepath: /tmp/kill/x}
    verdict: kill
    alerts: [{rule: Kill, verdict: killed}, {rule: Watched}, {rule: Starts}]
  - name: a verdict alone
    event: {evt.type: execve, proc.exepath: /tmp/x}
    verdict: blocked
  - name: who was outranked does not alert
    event: {evt.type: execve, proc.exepath: /tmp/kill/x}
    alerts: [{rule: Kill}, {rule: Watched}, {rule: Starts}, {rule: Block}]
  - name: not refused
    event: {evt.type: execve, proc.exepath: /usr/x}
    verdict: block
  - name: killed, not blocked
    event: {evt.type: execve, proc.exepath: /tmp/kill/x}
    verdict: block
)"),
              testing::ElementsAre("", "", "",
                                   R"(  missing alert: Block
  note: "Block" holds, but another rule decides
)",
                                   R"(  the case, expected (-) and got (+):
    - verdict: "blocked"
    + verdict: nothing: no rule alerts
)",
                                   R"(  alert of Kill, expected (-) and got (+):
    - verdict: "blocked"
    + verdict: "killed"
)"));
}

TEST_F(SuiteTest, MistakesHaveTheirPlace) {
  using testing::ElementsAre;
  EXPECT_THAT(errors("ruls: []\ncases: []\n"),
              ElementsAre("1:1 unknown key \"ruls\" in a suite | did you mean rules?",
                          "1:1 a suite without \"rules\" | write: rules: [../execution.yaml]; relative to this file"));
  EXPECT_THAT(errors("rules: []\ncases:\n  - name: a\n    event: {evt.type: opennat}\n    alerts: []\n"),
              ElementsAre("4:23 unknown event type \"opennat\" | did you mean openat?"));
  EXPECT_THAT(errors("rules: []\ncases:\n  - name: a\n    events:\n      - {proc.name: x}\n    alerts: []\n"),
              ElementsAre("5:9 an event without \"evt.type\" | rules are asked by it: {\"evt.type\": \"openat\", …}"));
  EXPECT_THAT(
      errors("rules: []\ncases:\n  - name: a\n    event: {evt.type: open, user.uid: \"5\", proc.name: {a: b}}\n    alerts: []\n"),
      ElementsAre("4:55 a map inside an event | fields lie side by side: {proc.name: cat}; bytes are {base64: …}",
                  "4:39 \"user.uid\" is a number | a whole number without quotes: 0, 1000"));
  EXPECT_THAT(errors("rules: []\ncases:\n  - nam: a\n    event: {evt.type: open}\n"),
              ElementsAre("3:5 unknown key \"nam\" in a case | did you mean name?", "3:5 a case without a \"name\"",
                          "3:5 a case that expects nothing | write: alerts: [] if there should be none"));
  EXPECT_THAT(errors("rules: []\ncases:\n  - name: a\n    event: {evt.type: open}\n    alerts: [{}]\n    verdict: no\n"),
              ElementsAre("5:14 an alert without its \"rule\"",
                          "6:14 not a verdict | alert, block, kill; of rules in mode monitor would_block, would_kill"));
  EXPECT_THAT(errors("rules: []\nrules: []\ncases: []\n"),
              ElementsAre("2:1 key \"rules\" stands twice in one mapping | keep one of the two"));
  EXPECT_THAT(errors(""), ElementsAre("1:1 an empty suite"));
}

TEST_F(SuiteTest, ExpectationsNameRulesThatAreThere) {
  const Suite suite = read(
      "rules: [../r.yaml]\ncases:\n  - name: a\n    event: {evt.type: open}\n    alerts:\n      - {rule: Reads}\n"
      "      - {rule: Read}\n");
  const LoadedRules loaded = load_rules(suite.rules, {});
  check_rule_names(suite, loaded.program, diagnostics_);
  ASSERT_EQ(diagnostics_.error_count(), 1U);
  EXPECT_EQ(diagnostics_.all()[0].position.line, 7U);
  EXPECT_EQ(diagnostics_.all()[0].hint, "did you mean \"Reads\"?");
}

}  // namespace
}  // namespace shrike::app
