// SPDX-License-Identifier: Apache-2.0
// Daemon is `shrike run`: it builds every part by name, and runs them in one thread until told to stop.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "engine/act/alert_sink.h"
#include "engine/app/config.h"
#include "engine/app/load_rules.h"
#include "engine/app/options.h"
#include "engine/app/recorder.h"
#include "engine/base/handle.h"
#include "engine/compile/compile.h"
#include "engine/enrich/cgroups.h"
#include "engine/enrich/container_files.h"
#include "engine/enrich/containers.h"
#include "engine/enrich/enricher.h"
#include "engine/enrich/file_names.h"
#include "engine/enrich/host_names.h"
#include "engine/enrich/proc_reader.h"
#include "engine/enrich/process_table.h"
#include "engine/kernel/loader.h"
#include "engine/kernel/ring_source.h"
#include "engine/pipeline/loss.h"
#include "engine/pipeline/pipeline.h"

namespace shrike::app {

class Daemon {
 public:
  Daemon(const Options& options, Config config, std::shared_ptr<spdlog::logger> log);

  // From start to stop; the exit code.
  int run();

 private:
  Result<void> start_capture();
  Result<void> give_up_privileges();
  void report_rules();
  Result<void> find_tier();
  bool enforcement_missing(const program::Program& program) const;
  void load_policy(LoadedRules loaded);
  void find_files();
  void retire(const program::Program& program, const program::KernelPlan& policy);
  std::map<std::string, kernel::RuleReport> rule_reports() const;
  void loop();
  bool told_to_stop();
  void take_signals();
  void reload();
  void tick();
  bool drain(bool everything);  // true: there is more
  void sink_failed(const Error& error);
  void recording_failed(const Error& error);
  void rescan();
  void stop();
  pipeline::Losses losses();
  std::vector<pipeline::CgroupLoss> cgroup_losses();
  void print_summary(std::uint64_t seconds);

  const Options& options_;
  Config config_;
  std::shared_ptr<spdlog::logger> log_;

  std::vector<std::string> rule_paths_;
  compile::Options compile_options_;
  compile::Capabilities capabilities_;
  std::shared_ptr<program::Program> program_;
  std::shared_ptr<const program::KernelPlan> policy_;  // of program_; what is in force
  std::map<std::string, kernel::RuleReport> retired_;  // by rule: what it did in generations before this one
  bool full_ = false;                                  // the tier
  compile::HostMode mode_ = compile::HostMode::kMonitor;
  UniqueFd cgroup_;  // where the tracing tier's network programs are attached
  std::uint64_t scope_cgroup_ = 0;

  enrich::HostNames names_;
  enrich::ProcessTable processes_{
      {.max_processes = config_.max_processes, .max_image_bytes = config_.max_image_bytes, .recent_dead = 1'024}};
  enrich::ProcReader proc_;
  enrich::HostCgroups cgroup_reader_;
  enrich::Cgroups cgroups_{cgroup_reader_};
  enrich::ContainerFiles container_files_{cgroup_reader_.mount_point()};
  enrich::Containers containers_{container_files_};
  enrich::Enricher enricher_{processes_, proc_, cgroups_, containers_};
  event::Context context_;
  std::vector<std::unique_ptr<act::AlertSink>> sinks_;
  std::unique_ptr<Recorder> recorder_;  // --record
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  pipeline::LossMonitor loss_monitor_;

  std::unique_ptr<kernel::Loader> loader_;
  enrich::FileNames file_names_;
  std::unique_ptr<kernel::RingSource> source_;
  UniqueFd signals_;
  bool stopping_ = false;
  bool reload_wanted_ = false;
  int exit_code_ = kDone;
  std::uint64_t sink_error_ns_ = 0;                 // when a failed sink was last reported
  std::uint64_t lifecycle_lost_ = 0;                // of the process hooks, at the last rescan
  std::vector<pipeline::CgroupLoss> cgroups_lost_;  // as last looked at
  std::uint64_t cgroups_at_lost_ = 0;               // what had been lost in all then
  std::uint64_t cgroups_looked_ns_ = 0;
  std::map<std::string, std::uint64_t> gone_cgroups_;  // what cgroups lost that are no more, by path
  bool environments_ = false;                          // exec records carry them
};

}  // namespace shrike::app
