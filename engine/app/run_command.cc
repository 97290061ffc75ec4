// SPDX-License-Identifier: Apache-2.0
#include "engine/app/commands.h"
#include "engine/app/daemon.h"
#include "engine/app/log.h"

namespace shrike::app {

int run_daemon(const Options& options) {
  Config config;
  if (!options.config.empty()) {
    lang::Diagnostics diagnostics;
    config = read_config(options.config, diagnostics);
    print_diagnostics(diagnostics, true);
    if (diagnostics.has_errors()) return kUsage;
  }
  auto log = make_log(config.log_format, config.log_level);
  return Daemon(options, std::move(config), std::move(log)).run();
}

}  // namespace shrike::app
