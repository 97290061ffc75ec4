// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "engine/app/commands.h"
#include "engine/app/options.h"

namespace {

// A standard descriptor that is closed would be the next file we open, and take what is printed.
void open_standard_descriptors() {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDWR);
  if (fd >= 0) close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
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
    case Verb::kRulesPlan:
      return rules_plan(*options);
    case Verb::kRulesShow:
      return rules_show(*options);
    case Verb::kConditionCheck:
      return condition_check(*options);
    case Verb::kFields:
      return print_fields(*options);
    case Verb::kEvents:
      return print_events(*options);
    case Verb::kSchema:
      return print_schema(*options);
    case Verb::kDoctor:
      return print_doctor(*options);
    case Verb::kReplay:
      return replay_events(*options);
    case Verb::kTest:
      return test_rules(*options);
    case Verb::kOutputsList:
      return outputs_list(*options);
    case Verb::kOutputsReplay:
      return outputs_replay(*options);
    case Verb::kStatus:
      return print_status(*options);
    case Verb::kTail:
      return tail_alerts(*options);
    case Verb::kTop:
      return watch_daemon(*options);
    case Verb::kReload:
      return reload_daemon(*options);
    case Verb::kMode:
      return set_mode(*options);
    case Verb::kConfirm:
      return confirm_mode(*options);
    case Verb::kRollback:
      return roll_back(*options);
    case Verb::kConfigCheck:
      return config_check(*options);
    case Verb::kConfigShow:
      return config_show(*options);
    case Verb::kConfigKeys:
      return print_config_keys(*options);
  }
  return kUsage;
}
