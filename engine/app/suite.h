// SPDX-License-Identifier: Apache-2.0
// A test suite: events, and the alerts they should raise (docs/testing_rules.md). Read from YAML, every mistake with its place.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/app/event_line.h"
#include "engine/lang/diagnostic.h"
#include "engine/match/matcher.h"

namespace shrike::app {

// What a field of an alert should be: null (absent), a text, or an array. Numbers and booleans are compared as JSON writes them.
using ExpectedValue = std::variant<std::monostate, std::string, std::vector<std::string>>;

struct ExpectedAlert {
  std::string rule;
  std::optional<std::string> verdict;  // as in an alert: "blocked"
  std::vector<std::pair<std::string, ExpectedValue>> fields;
  lang::Position position;
};

struct SuiteCase {
  std::string name;
  std::vector<std::vector<Member>> events;
  std::optional<std::vector<ExpectedAlert>> alerts;  // none: whatever alerts
  std::optional<std::string> verdict;                // the strongest of the case's alerts
  lang::Position position;
};

struct Suite {
  std::string file;
  std::vector<std::string> rules;  // files and directories, as to be opened
  match::Matching matching = match::Matching::kFirst;
  std::vector<SuiteCase> cases;
};

// Errors go to `diagnostics` (code TEST_SUITE); with one the suite is not to be run.
Suite read_suite(const std::string& path, lang::Diagnostics& diagnostics);

}  // namespace shrike::app
