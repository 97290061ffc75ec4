// SPDX-License-Identifier: Apache-2.0
#include <spdlog/sinks/stdout_sinks.h>

#include "engine/app/commands.h"
#include "engine/app/daemon.h"

namespace shrike::app {

int run_daemon(const Options& options) {
  auto log = std::make_shared<spdlog::logger>("shrike", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_pattern("shrike: %v");
  log->flush_on(spdlog::level::trace);

  Config config;
  if (!options.config.empty()) {
    lang::Diagnostics diagnostics;
    config = read_config(options.config, diagnostics);
    print_diagnostics(diagnostics, true);
    if (diagnostics.has_errors()) return kUsage;
  }
  return Daemon(options, std::move(config), std::move(log)).run();
}

}  // namespace shrike::app
