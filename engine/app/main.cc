// SPDX-License-Identifier: Apache-2.0
#include "engine/app/commands.h"
#include "engine/app/options.h"

int main(int argc, char** argv) {
  using namespace shrike::app;  // NOLINT(google-build-using-namespace): one function
  const auto options = parse_options(argc, argv);
  if (!options) return options.error();
  switch (options->verb) {
    case Verb::kRun:
      return run_daemon(*options);
    case Verb::kRulesCheck:
      return rules_check(*options);
    case Verb::kRulesList:
      return rules_list(*options);
    case Verb::kFields:
      return print_fields(*options);
    case Verb::kDoctor:
      return print_doctor(*options);
  }
  return kUsage;
}
