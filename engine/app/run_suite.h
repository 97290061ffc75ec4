// SPDX-License-Identifier: Apache-2.0
// Running a suite's cases: what the rules make of the events, and how that differs from what was expected.
//
// Rules are asked as on a host in mode enforce that can refuse everything: all block and kill rules, and of the alert rules the
// first that holds (or all of them). The first enforcing rule decides, a kill rule before all block rules, and alerts with
// verdict blocked or killed; other enforcing rules are outranked and silent; those in mode monitor alert with would_block or
// would_kill. An event is taken as it is told, refused or not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/act/alert.h"
#include "engine/app/recorded_world.h"
#include "engine/app/suite.h"
#include "engine/match/matcher.h"
#include "engine/program/program.h"

namespace shrike::app {

struct Difference {
  std::string rule;
  std::string field;          // of output_fields, or "verdict"
  std::string expected, got;  // as JSON writes them

  bool operator==(const Difference&) const = default;
};

struct CaseResult {
  std::vector<std::string> missing;  // rules whose alerts are not there
  std::vector<act::Alert> unexpected;
  std::vector<Difference> differences;  // of alerts that are there
  std::vector<std::string> notes;       // why an alert may be missing

  bool passed() const { return missing.empty() && unexpected.empty() && differences.empty(); }
};

class SuiteRunner {
 public:
  SuiteRunner(const program::Program& program, match::Matching matching);

  CaseResult run(const SuiteCase& one);

 private:
  struct Heard {
    act::Alert alert;
    bool taken = false;  // by an expectation
  };

  void hear(const event::Event& event);
  void hear(std::uint32_t rule, const event::Event& event, std::string_view verdict);
  void compare(const std::vector<ExpectedAlert>& expected, CaseResult& result);
  void explain(const std::string& rule, const SuiteCase& one, CaseResult& result) const;

  const program::Program& program_;
  match::Matching matching_;
  std::unique_ptr<RecordedWorld> world_;
  match::Matcher matcher_;
  std::vector<Heard> heard_;
  std::vector<std::uint32_t> masked_;     // alert rules that hold, but not first
  std::vector<std::uint32_t> outranked_;  // enforcing rules that hold, but do not decide
};

// As people read it: the lines of a difference, each with a blank indent.
std::string to_text(const CaseResult& result);

// Does every expectation name a rule of the program? Errors go to `diagnostics`.
void check_rule_names(const Suite& suite, const program::Program& program, lang::Diagnostics& diagnostics);

}  // namespace shrike::app
