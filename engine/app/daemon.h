// SPDX-License-Identifier: Apache-2.0
// Daemon is `shrike run`: it builds every part by name, and runs them in one thread until told to stop.
#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "engine/act/alert_sink.h"
#include "engine/app/alert_feed.h"
#include "engine/app/config.h"
#include "engine/app/control.h"
#include "engine/app/load_rules.h"
#include "engine/app/metrics.h"
#include "engine/app/notify.h"
#include "engine/app/options.h"
#include "engine/app/recorder.h"
#include "engine/app/requests.h"
#include "engine/app/snapshot.h"
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
#include "outputs/fan_out.h"

namespace shrike::app {

compile::HostMode host_mode(Mode mode);

class Daemon {
 public:
  Daemon(const Options& options, Config config, std::shared_ptr<spdlog::logger> log);

  // From start to stop; the exit code.
  int run();

 private:
  Result<void> start_capture();
  Result<void> build_sinks(const outputs::FormatOptions& format);
  void tell_sink_notices();
  Result<void> give_up_privileges();
  void report_rules();
  Result<void> find_tier();
  bool enforcement_missing(const program::Program& program) const;
  void load_policy(program::Program program, program::KernelPlan plan);
  Result<void> put_in_force(program::Program program, program::KernelPlan plan);
  void find_files();
  void retire(const program::Program& program, const program::KernelPlan& policy);
  std::map<std::string, kernel::RuleReport> rule_reports() const;
  void loop();
  bool told_to_stop();
  void take_signals();
  Answer reload();
  void tick();
  bool drain(bool everything);  // true: there is more
  void sink_failed(const Error& error);
  void recording_failed(const Error& error);
  void rescan();
  void stop();
  pipeline::Losses losses();
  std::vector<pipeline::CgroupLoss> cgroup_losses();
  void print_summary(std::uint64_t seconds);

  // What one can talk to while it runs; daemon_face.cc.
  Result<void> open_face();
  void show_face();
  void hide_face();
  void serve_face(std::uint64_t now_ns);
  void alert_seen(const act::Alert& alert);
  void say(const lang::Diagnostics& diagnostics);
  std::string status_line() const;
  Snapshot snapshot();
  void add_rules(Snapshot& to) const;
  std::vector<SinkSnapshot> sink_snapshots() const;
  Result<std::string> metrics();
  std::optional<std::string> ailing() const;
  Answer answer_mode(const std::string& mode, std::optional<double> confirm_within_s);
  Answer answer_confirm();
  Answer answer_rollback();
  Result<void> change_mode(compile::HostMode mode, const std::string& why);
  void disarm();
  bool fall_back(const std::string& why);

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
  outputs::FanOut* fan_out_ = nullptr;  // of these; null: no sink has a thread of its own
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

  lang::RuleSet rule_set_;           // what program_ was compiled from: a change of mode does not read files
  std::uint64_t confirm_by_ns_ = 0;  // boot time; 0: mode enforce, if it is, stays
  bool lowered_ = false;             // an operator, or a deadline, took mode enforce back: --require-enforcement does not ask
  struct RuleAlerts {
    std::uint8_t priority = 7;
    std::uint64_t alerts = 0;
  };
  std::map<std::string, RuleAlerts> rule_alerts_;
  ReloadResult last_reload_;
  std::uint64_t started_ns_ = 0, started_boot_ns_ = 0;  // when capture began
  std::atomic<std::uint64_t> turned_ns_ = 0;            // when the loop last turned, boot time; 0: it does not run
  Requests requests_;
  AlertFeed feed_;
  Notifier notifier_;
  std::unique_ptr<ControlSocket> control_;  // these two end first: their threads use all above
  std::unique_ptr<MetricsServer> metrics_;
};

}  // namespace shrike::app
