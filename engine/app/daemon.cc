// SPDX-License-Identifier: Apache-2.0
#include "engine/app/daemon.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine/act/make_alert.h"
#include "engine/app/commands.h"
#include "engine/base/clock.h"
#include "outputs/line_sink.h"

namespace shrike::app {
namespace {

using program::Availability;

constexpr int kWaitMs = 20;  // longest sleep: bounds the delay of an alert on a quiet host
constexpr std::uint64_t kTickNs = 1'000'000'000;
constexpr std::size_t kBatch = 4096;  // records between two looks at signals and clocks

std::string host_name() {
  for (const char* variable : {"SHRIKE_HOSTNAME", "FALCO_HOSTNAME"}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread, and nobody changes the environment
    if (const char* name = std::getenv(variable); name != nullptr && *name != '\0') return name;
  }
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

// The rules that come with Shrike: installed, or beside the build.
std::vector<std::string> default_rules() {
  std::error_code error;
  std::vector<std::string> candidates{"/etc/shrike/rules.d", "/usr/share/shrike/rules"};
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) candidates.push_back((binary.parent_path().parent_path() / "rules").string());
  for (const std::string& candidate : candidates) {
    if (std::filesystem::is_directory(candidate, error)) return {candidate};
  }
  return {};
}

event::EventSet captured_events() {
  event::EventSet set;
  for (std::size_t type = 1; type <= event::index(event::EventType::kPtrace); ++type) set.set(type);
  return set;
}

UniqueFd block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of that sink, not our end
  return UniqueFd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

}  // namespace

Daemon::Daemon(const Options& options, Config config, std::shared_ptr<spdlog::logger> log)
    : options_(options), config_(std::move(config)), log_(std::move(log)), context_{names_, processes_, host_name(), 0} {
  rule_paths_ = !options_.rules.empty() ? options_.rules : !config_.rules_files.empty() ? config_.rules_files : default_rules();
  compile_options_ = {.priority = config_.priority, .suggested_output = config_.suggested_output};
  capabilities_ = {.events = captured_events(), .containers = false};
}

int Daemon::run() {
  signals_ = block_signals();
  if (rule_paths_.empty()) {
    log_->error("error: no rules: give --rules, or rules_files in the configuration");
    return kUsage;
  }
  LoadedRules loaded = load_rules(rule_paths_, compile_options_);
  print_diagnostics(loaded.diagnostics, true);
  if (loaded.diagnostics.has_errors()) return kNo;
  program_ = std::make_unique<program::Program>(std::move(loaded.program));
  compile::assess(*program_, capabilities_);
  report_rules();
  if (options_.require_enforcement && enforcement_missing(*program_)) {
    log_->error("error: --require-enforcement: this host can't enforce the rules named above");
    return kNo;
  }

  const outputs::FormatOptions format{
      .format = options_.format_given ? (options_.format == "json" ? outputs::Format::kJson : outputs::Format::kText)
                : config_.json_output ? outputs::Format::kJson
                                      : outputs::Format::kText,
      .iso_time = config_.time_format_iso_8601};
  if (config_.stdout_enabled) sinks_.push_back(outputs::LineSink::to_stdout(format, [this] { return told_to_stop(); }));
  if (config_.file_enabled) {
    auto file = outputs::LineSink::to_file(config_.file_name, format, [this] { return told_to_stop(); });
    if (!file) {
      log_->error("error: {}", file.error().message);
      return kCouldNotRun;
    }
    sinks_.push_back(*std::move(file));
  }
  pipeline_ = std::make_unique<pipeline::Pipeline>(pipeline::Pipeline::Parts{
      .enricher = enricher_,
      .context = context_,
      .sinks = sinks_,
      .matching = config_.match_all ? match::Matching::kAll : match::Matching::kFirst,
      .on_sink_error = [this](const Error& error) { sink_failed(error); },
  });

  if (auto started = start_capture(); !started) {
    log_->error("error: {}", started.error().message);
    log_->error("`shrike doctor` says what this host lacks");
    return kCouldNotRun;
  }
  log_->info("ready: {} rules, {} programs attached, tier tracing", program_->rules.size(), loader_->attached_programs());

  const std::uint64_t ready_ns = boot_time_ns();
  loop();
  stop();
  print_summary((boot_time_ns() - ready_ns) / 1'000'000'000);
  const pipeline::Counters& counters = pipeline_->counters();
  if (counters.alerts != 0 && counters.alerts_failed >= counters.alerts * sinks_.size())
    exit_code_ = kCouldNotRun;  // not one arrived
  return exit_code_;
}

void Daemon::sink_failed(const Error& error) {
  // A sink that is down fails with every alert: one line a second is enough, the summary has the count.
  if (const std::uint64_t now_ns = boot_time_ns(); now_ns - sink_error_ns_ >= kTickNs) {
    sink_error_ns_ = now_ns;
    log_->error("error: alert not delivered: {}", error.message);
  }
  // Whoever read our only output has gone, as in `shrike run | head`: nothing is left to do.
  if (error.sys_errno == EPIPE && sinks_.size() == 1) {
    stopping_ = true;
    exit_code_ = kCouldNotRun;
  }
}

kernel::CapturePlan Daemon::plan(const program::Program& program) const {
  kernel::CapturePlan plan;
  const event::EventSet wanted = program.wanted_events();
  for (std::size_t type = 1; type < kernel::kEventTypes; ++type) plan.events[type] = wanted.test(type);
  plan.failed_exec = program.wants_failed_exec();
  // An exec that succeeds has it anyway.
  event::EventSet with_cwd = event::all_event_types();
  if (!plan.failed_exec) {
    with_cwd.reset(event::index(event::EventType::kExecve));
    with_cwd.reset(event::index(event::EventType::kExecveat));
  }
  plan.working_directory = program.uses_field("proc.cwd", with_cwd);
  return plan;
}

Result<void> Daemon::start_capture() {
  loader_ = TRY(kernel::Loader::create({.verdicts_ring_bytes = config_.verdicts_ring_bytes,
                                        .processes_ring_bytes = config_.processes_ring_bytes,
                                        .events_ring_bytes = config_.events_ring_bytes}));
  source_ = TRY(kernel::RingSource::create(loader_->ring_fds()));
  pipeline_->load(*program_);
  // Attached first, read afterwards: a process that begins in between is in the ring.
  TRY(loader_->want(plan(*program_)));
  rescan();
  return {};
}

void Daemon::rescan() {
  const std::uint64_t start_ns = boot_time_ns();
  processes_.begin_scan();
  auto read = loader_->read_tasks([this](std::span<const std::byte> record) { pipeline_->process(record); });
  if (!read) {
    log_->error("error: reading the task list: {}", read.error().message);
    return;  // without end_scan: nobody is buried for a scan that failed
  }
  processes_.end_scan(start_ns);
}

bool Daemon::enforcement_missing(const program::Program& program) {
  return std::ranges::any_of(program.rules, [](const program::Rule& rule) { return rule.enabled && rule.action != "alert"; });
}

void Daemon::report_rules() {
  std::size_t active = 0, partial = 0, inactive = 0, disabled = 0;
  for (const program::Rule& rule : program_->rules) {
    if (!rule.enabled) {
      ++disabled;
      continue;
    }
    switch (rule.availability.state) {
      case Availability::State::kActive:
        ++active;
        break;
      case Availability::State::kPartial:
        ++partial;
        log_->warn("rule \"{}\": partial: {}", outputs::escape(rule.name), rule.availability.reason);
        break;
      case Availability::State::kInactive:
        ++inactive;
        log_->warn("rule \"{}\": inactive: {}", outputs::escape(rule.name), rule.availability.reason);
        break;
    }
    for (const program::OutputField& field : rule.output_fields) {
      const event::Field& named = *program_->slots[field.slot].field;
      if (named.origin == event::Origin::kNotCaptured)
        log_->warn("rule \"{}\": its output shows {}, which nothing captures: <NA>", outputs::escape(rule.name), named.name);
    }
    if (rule.action != "alert")
      log_->warn("rule \"{}\": not enforced: tier (action {} alerts only)", outputs::escape(rule.name), rule.action);
  }
  log_->info("rules: {} loaded: {} active, {} partial, {} inactive, {} disabled", program_->rules.size(), active, partial,
             inactive, disabled);
}

void Daemon::loop() {
  const std::uint64_t start_ns = boot_time_ns();
  std::uint64_t next_tick_ns = start_ns + kTickNs;
  const std::uint64_t end_ns =
      options_.duration_s ? start_ns + static_cast<std::uint64_t>(*options_.duration_s * 1e9) : ~std::uint64_t{0};
  while (!stopping_) {
    const bool more = drain(false);
    take_signals();
    const std::uint64_t now_ns = boot_time_ns();
    if (now_ns >= next_tick_ns) {
      tick();
      next_tick_ns = now_ns + kTickNs;
    }
    if (now_ns >= end_ns) return;
    if (!stopping_ && !more) source_->wait(kWaitMs);
  }
}

bool Daemon::drain(bool everything) {
  source_->set_settle(!everything);
  for (std::size_t i = 0; everything || i < kBatch; ++i) {
    const auto record = source_->next();
    if (!record) return false;
    pipeline_->process(record->bytes);
  }
  return true;
}

// Looks at the signals that have come, and remembers them.
bool Daemon::told_to_stop() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) {
      reload_wanted_ = true;
    } else {
      stopping_ = true;
    }
  }
  return stopping_;
}

void Daemon::take_signals() {
  if (!told_to_stop() && std::exchange(reload_wanted_, false)) reload();
}

void Daemon::reload() {
  const auto notice = [&](const std::string& outcome, std::vector<std::pair<std::string, act::FieldValue>> fields) {
    static constexpr std::uint8_t kNotice = 5;
    pipeline_->emit(act::make_notice("Shrike internal: rules reloaded", kNotice, outcome, std::move(fields), wall_time_ns(),
                                     context_.hostname));
  };
  for (const auto& sink : sinks_) {
    if (auto reopened = sink->reopen(); !reopened) log_->error("error: {}: the old file stays open", reopened.error().message);
  }
  LoadedRules loaded = load_rules(rule_paths_, compile_options_);
  print_diagnostics(loaded.diagnostics, true);
  if (loaded.diagnostics.has_errors()) {
    log_->error("reload: the rule files are not valid: the old {} rules stay in force", program_->rules.size());
    notice("Rules not reloaded: the old ones stay in force",
           {{"errors", loaded.diagnostics.error_count()}, {"rules", program_->rules.size()}});
    return;
  }
  auto next = std::make_unique<program::Program>(std::move(loaded.program));
  compile::assess(*next, capabilities_);
  if (options_.require_enforcement && enforcement_missing(*next)) {
    log_->error("reload: --require-enforcement: this host can't enforce these rules: the old {} stay in force",
                program_->rules.size());
    notice("Rules not reloaded: the old ones stay in force", {{"errors", std::uint64_t{1}}, {"rules", program_->rules.size()}});
    return;
  }
  if (auto wanted = loader_->want(plan(*next)); !wanted) {
    log_->error("reload: {}: the old {} rules stay in force", wanted.error().message, program_->rules.size());
    notice("Rules not reloaded: the old ones stay in force", {{"errors", std::uint64_t{1}}, {"rules", program_->rules.size()}});
    return;
  }
  pipeline_->load(*next);
  program_ = std::move(next);
  report_rules();
  log_->info("reload: {} rules in force, {} programs attached", program_->rules.size(), loader_->attached_programs());
  notice("Rules reloaded", {{"rules", program_->rules.size()}});
}

std::vector<pipeline::HookLoss> Daemon::losses() const {
  std::vector<pipeline::HookLoss> losses;
  const auto counters = loader_->counters();
  if (!counters) {
    log_->error("error: {}", counters.error().message);
    return losses;
  }
  for (const kernel::HookReport& hook : *counters) {
    losses.push_back({.hook = std::string(hook.name),
                      .produced = hook.counters.produced,
                      .delivered = pipeline_->counters().delivered[hook.hook],
                      .ring_full = hook.counters.lost_ring_full,
                      .no_scratch = hook.counters.lost_no_scratch,
                      .missed = hook.recursion_misses});
  }
  return losses;
}

void Daemon::tick() {
  names_.refresh();
  pipeline_->refresh();
  const auto hooks = losses();
  if (const auto notice = loss_monitor_.check(hooks, pipeline_->counters().corrupt, wall_time_ns(), context_.hostname)) {
    pipeline_->emit(*notice);
    log_->warn("{}", outputs::escape(notice->message));
  }
  // A lost exec, fork or exit leaves the process table wrong: look at the tasks again.
  std::uint64_t lifecycle_lost = 0;
  for (const pipeline::HookLoss& hook : hooks) {
    if (hook.hook.starts_with("sched_process_")) lifecycle_lost += hook.lost();
  }
  if (lifecycle_lost > lifecycle_lost_) {
    lifecycle_lost_ = lifecycle_lost;
    rescan();
  }
}

void Daemon::stop() {
  loader_->detach();
  // A program may still be between its counter and its record on another CPU.
  for (int i = 0; i < 100; ++i) {
    drain(true);
    const auto hooks = losses();
    std::uint64_t missing = 0;
    for (const pipeline::HookLoss& hook : hooks) missing += hook.waiting();
    if (missing <= pipeline_->counters().corrupt) break;
    usleep(1000);
  }
  tick();
  for (const auto& sink : sinks_) {
    if (auto flushed = sink->flush(); !flushed) sink_failed(flushed.error());
  }
}

void Daemon::print_summary(std::uint64_t seconds) const {
  const pipeline::Counters& counters = pipeline_->counters();
  const auto hooks = losses();
  std::uint64_t lost = counters.corrupt;
  for (const pipeline::HookLoss& hook : hooks) lost += hook.lost();
  const std::uint64_t incomplete =
      counters.gap_path + counters.gap_arguments + counters.gap_user_unread + counters.gap_user_cut + counters.gap_fd_gone;
  if (!options_.summary_json) {
    log_->info("stopped: {} s, {} events, {} alerts, {} lost, {} incomplete, {} without a process, {} alerts not delivered",
               seconds, counters.events, counters.alerts, lost, incomplete, enricher_.counters().unknown, counters.alerts_failed);
    return;
  }
  nlohmann::json by_hook = nlohmann::json::object();
  for (const pipeline::HookLoss& hook : hooks) {
    by_hook[hook.hook] = {{"produced", hook.produced},
                          {"delivered", hook.delivered},
                          {"lost_ring_full", hook.ring_full},
                          {"lost_no_scratch", hook.no_scratch},
                          {"missed", hook.missed}};
  }
  const nlohmann::json summary = {{"seconds", seconds},
                                  {"events", counters.events},
                                  {"alerts", counters.alerts},
                                  {"alerts_failed", counters.alerts_failed},
                                  {"records", counters.records},
                                  {"corrupt", counters.corrupt},
                                  {"lost", lost},
                                  {"hooks", by_hook},
                                  {"incomplete",
                                   {{"path", counters.gap_path},
                                    {"arguments", counters.gap_arguments},
                                    {"user_unread", counters.gap_user_unread},
                                    {"user_cut", counters.gap_user_cut},
                                    {"fd_gone", counters.gap_fd_gone}}},
                                  {"processes",
                                   {{"known", processes_.size()},
                                    {"evicted", processes_.counters().evicted},
                                    {"parent_unknown", processes_.counters().parent_unknown},
                                    {"recovered", enricher_.counters().recovered},
                                    {"unknown", enricher_.counters().unknown}}}};
  std::fprintf(stderr, "%s\n", summary.dump().c_str());
}

}  // namespace shrike::app
