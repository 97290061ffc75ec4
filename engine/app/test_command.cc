// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/app/commands.h"
#include "engine/app/load_rules.h"
#include "engine/app/run_suite.h"
#include "engine/app/suite.h"
#include "outputs/format.h"

namespace shrike::app {
namespace {

using nlohmann::json;

std::string place(const lang::Position& position) {
  return position.file + ':' + std::to_string(position.line) + ':' + std::to_string(position.column);
}

class Tests {
 public:
  explicit Tests(bool as_json) : as_json_(as_json) {}

  // A suite that can't be run counts as one failure.
  void run(const std::string& file) {
    lang::Diagnostics diagnostics;
    const Suite suite = read_suite(file, diagnostics);
    if (complain(diagnostics)) return;
    const LoadedRules loaded = load_rules(suite.rules, {});
    if (complain(loaded.diagnostics)) return;
    check_rule_names(suite, loaded.program, diagnostics);
    if (complain(diagnostics)) return;
    SuiteRunner runner(loaded.program, suite.matching);
    for (const SuiteCase& one : suite.cases) report(one, runner.run(one));
  }

  void complain(const Error& error) {
    lang::Diagnostics diagnostics;
    diagnostics.add({lang::Severity::kError, "TEST_SUITE", error.message, {}, {}, {}, {}});
    complain(diagnostics);
  }

  int finish() {
    if (as_json_) {
      const json result{{"passed", passed_}, {"failed", failed_}, {"cases", std::move(cases_)}, {"errors", std::move(errors_)}};
      std::puts(result.dump(-1, ' ', true, json::error_handler_t::replace).c_str());
    } else {
      std::printf("%zu passed, %zu failed\n", passed_, failed_);
    }
    return failed_ == 0 ? kDone : kNo;
  }

 private:
  // Are there errors?
  bool complain(const lang::Diagnostics& diagnostics) {
    if (!diagnostics.has_errors()) return false;
    ++failed_;
    print_diagnostics(diagnostics, false);
    for (const lang::Diagnostic& one : diagnostics.all()) {
      if (one.severity != lang::Severity::kError) continue;
      errors_.push_back({{"code", one.code},
                         {"message", one.message},
                         {"hint", one.hint},
                         {"file", one.position.file},
                         {"line", one.position.line},
                         {"column", one.position.column},
                         {"item", one.item}});
    }
    return true;
  }

  void report(const SuiteCase& one, const CaseResult& result) {
    ++(result.passed() ? passed_ : failed_);
    if (as_json_) {
      cases_.push_back(to_json(one, result));
    } else if (!result.passed()) {
      std::printf("%s: FAILED: %s\n%s", place(one.position).c_str(), outputs::escape(one.name).c_str(), to_text(result).c_str());
    }
  }

  static json to_json(const SuiteCase& one, const CaseResult& result) {
    json out{{"file", one.position.file},    {"line", one.position.line}, {"name", one.name},
             {"ok", result.passed()},        {"missing", result.missing}, {"unexpected", json::array()},
             {"differences", json::array()}, {"notes", result.notes}};
    for (const act::Alert& alert : result.unexpected)
      out["unexpected"].push_back({{"rule", alert.rule}, {"message", alert.message}, {"verdict", alert.verdict}});
    for (const Difference& difference : result.differences)
      out["differences"].push_back(
          {{"rule", difference.rule}, {"field", difference.field}, {"expected", difference.expected}, {"got", difference.got}});
    return out;
  }

  bool as_json_;
  std::size_t passed_ = 0, failed_ = 0;
  json cases_ = json::array();
  json errors_ = json::array();
};

}  // namespace

int test_rules(const Options& options) {
  Tests tests(options.format == "json");
  auto files = expand_paths(options.suites);
  if (files) {
    for (const std::string& file : *files) tests.run(file);
  } else {
    tests.complain(files.error());
  }
  return tests.finish();
}

}  // namespace shrike::app
