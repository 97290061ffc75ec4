// SPDX-License-Identifier: Apache-2.0
// The verbs. Each returns an exit code; results go to stdout, complaints to stderr.
#pragma once

#include "engine/app/options.h"
#include "engine/lang/diagnostic.h"

namespace shrike::app {

int run_daemon(const Options& options);
int rules_check(const Options& options);
int rules_list(const Options& options);
int rules_plan(const Options& options);
int rules_show(const Options& options);
int condition_check(const Options& options);
int print_fields(const Options& options);
int print_events(const Options& options);
int print_schema(const Options& options);
int print_doctor(const Options& options);
int replay_events(const Options& options);
int test_rules(const Options& options);
int outputs_list(const Options& options);
int outputs_replay(const Options& options);
int print_status(const Options& options);
int tail_alerts(const Options& options);
int watch_daemon(const Options& options);
int reload_daemon(const Options& options);
int set_mode(const Options& options);
int confirm_mode(const Options& options);
int roll_back(const Options& options);
int config_check(const Options& options);
int config_show(const Options& options);
int print_config_keys(const Options& options);

// Each finding as people read it, to stderr. Warnings only if `warnings`.
void print_diagnostics(const lang::Diagnostics& diagnostics, bool warnings);

}  // namespace shrike::app
