// SPDX-License-Identifier: Apache-2.0
// The command line as data.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace shrike::app {

enum ExitCode : int {
  kDone = 0,
  kNo = 1,     // invalid rules, enforcement required and not to be had
  kUsage = 2,  // wrong usage or configuration
  kCouldNotRun = 3,
};

enum class Verb : unsigned char {
  kRun,
  kRulesCheck,
  kRulesList,
  kRulesPlan,
  kRulesShow,
  kConditionCheck,
  kFields,
  kEvents,
  kSchema,
  kDoctor,
  kReplay,
  kTest,
  kOutputsList,
  kOutputsReplay,
  kStatus,
  kTail,
  kTop,
  kReload,
  kMode,
  kConfirm,
  kRollback,
  kConfigCheck,
  kConfigShow,
  kConfigKeys
};

struct Options {
  Verb verb = Verb::kRun;
  std::vector<std::string> rules;  // run: --rules; rules …: files
  std::string format = "text";     // text, json; fields, events: markdown too
  std::string tier = "full";       // rules plan: full, tracing
  bool all = false;                // fields: hidden ones too
  std::string schema = "rules";    // schema: rules, suite, events, config
  // rules show
  std::string rule;       // this one alone
  bool compiled = false;  // text: print the normal form too
  // condition check
  std::string expression;
  std::string batch;  // a file of them instead
  bool syntax_only = false;
  // run
  std::string config;
  std::string mode = "monitor";  // detect, monitor, enforce
  bool require_enforcement = false;
  bool mode_given = false;
  bool format_given = false;
  std::optional<double> duration_s;
  bool summary_json = false;
  std::string record;                         // --record: the file; empty: none
  std::optional<std::string> control_socket;  // run and those that talk to it; empty: none
  // mode; also mode
  std::optional<double> confirm_within_s;
  // tail; also format
  std::optional<std::string> condition;
  std::optional<std::string> priority;
  // top
  bool once = false;
  // replay; also rules, config and format
  std::string events;                   // the event file, "-": standard input
  std::optional<std::string> matching;  // first, all
  // outputs list, outputs replay
  std::vector<std::string> spools;  // directories, or one above several
  // test
  std::vector<std::string> suites;  // files or directories
};

// Options, or the exit code of a command line that ends here (help, version, wrong usage); what was to say has been printed.
std::expected<Options, int> parse_options(int argc, char** argv);

}  // namespace shrike::app
