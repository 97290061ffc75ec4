// SPDX-License-Identifier: Apache-2.0
// `reload`, `mode`, `confirm`, `rollback`, `tail`: the verbs that pass on what the running daemon says.
#include <csignal>
#include <cstdio>
#include <string>

#include "engine/app/commands.h"
#include "engine/app/control_client.h"

namespace shrike::app {

int reload_daemon(const Options& options) { return conclude(ControlClient(options).post("reload"), options.format == "json"); }

int set_mode(const Options& options) {
  ControlClient::Parameters parameters{{"mode", options.mode}};
  if (options.confirm_within_s) parameters.emplace("confirm_within", std::to_string(*options.confirm_within_s));
  return conclude(ControlClient(options).post("mode", parameters));
}

int confirm_mode(const Options& options) { return conclude(ControlClient(options).post("confirm")); }

int roll_back(const Options& options) { return conclude(ControlClient(options).post("rollback")); }

int tail_alerts(const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away ends it, as in `shrike tail | head`
  ControlClient::Parameters parameters{{"format", options.format}};
  if (options.condition) parameters.emplace("condition", *options.condition);
  if (options.priority) parameters.emplace("priority", *options.priority);
  const auto answer = ControlClient(options).stream("tail", parameters, [](std::string_view line) {
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF &&
           std::fflush(stdout) == 0;
  });
  if (answer && answer->status == 200) return kDone;
  return conclude(answer);
}

}  // namespace shrike::app
