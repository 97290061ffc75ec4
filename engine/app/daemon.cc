// SPDX-License-Identifier: Apache-2.0
#include "engine/app/daemon.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <nlohmann/json.hpp>
#include <fcntl.h>
#include <linux/magic.h>
#include <malloc.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/act/make_alert.h"
#include "engine/app/commands.h"
#include "engine/app/host_name.h"
#include "engine/app/privilege.h"
#include "engine/app/sinks.h"
#include "engine/base/clock.h"
#include "engine/kernel/probe.h"
#include "outputs/line_sink.h"

namespace shrike::app {
namespace {

using program::Availability;

constexpr std::chrono::seconds kSinksMayTake{5};  // at the end; what is not delivered then stays in spools
constexpr int kWaitMs = 20;                       // longest sleep: bounds the delay of an alert on a quiet host
constexpr std::uint64_t kTickNs = 1'000'000'000;
constexpr std::size_t kBatch = 4096;  // records between two looks at signals and clocks

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

std::string_view spelling(compile::HostMode mode) {
  static constexpr std::string_view kNames[] = {"detect", "monitor", "enforce"};
  return kNames[static_cast<std::size_t>(mode)];
}

void add(kernel::RuleReport& to, const kernel::RuleReport& one) {
  to.blocked += one.blocked;
  to.killed += one.killed;
  to.would_block += one.would_block;
  to.would_kill += one.would_kill;
  to.outranked += one.outranked;
}

Result<std::vector<enrich::FileKey>> identify(kernel::Loader& loader, const std::vector<int>& fds) {
  std::vector<enrich::FileKey> keys;
  for (const kernel::Identity& one : TRY(loader.identify(fds)))
    keys.push_back({.ino = one.ino, .dev = one.dev, .generation = one.generation});
  return keys;
}

nlohmann::json loss_json(const pipeline::LossCounts& counts) {
  return {{"produced", counts.produced},
          {"delivered", counts.delivered},
          {"lost_ring_full", counts.ring_full},
          {"lost_no_scratch", counts.no_scratch},
          {"lost_quota", counts.quota}};
}

// "1 verdicts, 0 processes, 7 events"
std::string losses_by_class(const pipeline::Losses& losses) {
  std::string text;
  for (const pipeline::ClassLoss& one : losses.classes)
    text += (text.empty() ? "" : ", ") + std::to_string(one.counts.lost()) + ' ' + one.name;
  return text;
}

// "8 MiB", "65536 bytes"
std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = 1U << 20U;
  return bytes % kMebi == 0 ? std::to_string(bytes / kMebi) + " MiB" : std::to_string(bytes) + " bytes";
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

compile::HostMode host_mode(Mode mode) {
  switch (mode) {
    case Mode::kDetect:
      return compile::HostMode::kDetect;
    case Mode::kMonitor:
      return compile::HostMode::kMonitor;
    case Mode::kEnforce:
      return compile::HostMode::kEnforce;
  }
  return compile::HostMode::kMonitor;
}

Daemon::Daemon(const Options& options, Config config, std::shared_ptr<spdlog::logger> log)
    : options_(options),
      config_(std::move(config)),
      log_(std::move(log)),
      context_{names_, processes_, host_name(), 0},
      file_names_("/proc", [this](const std::vector<int>& fds) { return identify(*loader_, fds); }) {
  rule_paths_ = !options_.rules.empty() ? options_.rules : !config_.rules_files.empty() ? config_.rules_files : default_rules();
  mode_ = host_mode(options_.mode_given ? parse_mode(options_.mode).value_or(Mode::kMonitor) : config_.mode);
}

int Daemon::run() {
  signals_ = block_signals();
  if (rule_paths_.empty()) {
    log_->error("error: no rules: give --rules, or rules_files in the configuration");
    return kUsage;
  }
  if (auto found = find_tier(); !found) {
    log_->error("error: {}", found.error().message);
    return kUsage;
  }
  LoadedRules loaded = load_rules(rule_paths_, compile_options_, config_.rules);
  say(loaded.diagnostics);
  if (loaded.diagnostics.has_errors()) return kNo;
  load_policy(std::move(loaded.program), std::move(loaded.plan));
  rule_set_ = std::move(loaded.set);
  report_rules();
  if (options_.require_enforcement && enforcement_missing(*program_)) {
    log_->error("error: --require-enforcement: rules that are to block or kill are not enforced here, see above");
    return kNo;
  }

  const outputs::FormatOptions format =
      format_options(config_, options_.format_given ? std::optional(options_.format) : std::nullopt);
  context_.iso_time = config_.time_format_iso_8601;
  context_.base64_buffers = config_.buffer_format_base64;
  if (config_.stdout_enabled) sinks_.push_back(outputs::LineSink::to_stdout(format, [this] { return told_to_stop(); }));
  if (config_.file_enabled) {
    auto file = outputs::LineSink::to_file(config_.file_name, format, [this] { return told_to_stop(); });
    if (!file) {
      log_->error("error: {}", file.error().message);
      return kCouldNotRun;
    }
    sinks_.push_back(*std::move(file));
  }
  if (auto built = build_sinks(format); !built) {
    log_->error("error: {}", built.error().message);
    return kCouldNotRun;
  }
  if (!options_.record.empty()) {
    auto file = BackgroundFile::make(options_.record);
    if (!file) {
      log_->error("error: --record: {}", file.error().message);
      return kCouldNotRun;
    }
    recorder_ = std::make_unique<Recorder>(*std::move(file), options_.record);
  }
  pipeline_ = std::make_unique<pipeline::Pipeline>(pipeline::Pipeline::Parts{
      .enricher = enricher_,
      .context = context_,
      .sinks = sinks_,
      .file_names = &file_names_,
      .matching = config_.match_all ? match::Matching::kAll : match::Matching::kFirst,
      .on_sink_error = [this](const Error& error) { sink_failed(error); },
      .on_event = recorder_ == nullptr ? std::function<void(const pipeline::Observed&)>()
                                       : [this](const pipeline::Observed& seen) { recorder_->event(seen); },
      .on_alert = [this](const act::Alert& alert) { alert_seen(alert); },
  });
  if (auto opened = open_face(); !opened) {
    log_->error("error: {}", opened.error().message);
    return kCouldNotRun;
  }

  if (auto started = start_capture(); !started) {
    log_->error("error: {}", started.error().message);
    log_->error("`shrike doctor` says what this host lacks");
    return kCouldNotRun;
  }
  if (auto given_up = give_up_privileges(); !given_up) {
    log_->error("error: {}", given_up.error().message);
    return kCouldNotRun;
  }
  malloc_trim(0);  // the kernel's types, which loading read: 10 MiB
  log_->info("ready: {} rules, {} programs attached, tier {}", program_->rules.size(), loader_->attached_programs(),
             full_ ? "full" : "tracing");

  const std::uint64_t ready_ns = boot_time_ns();
  show_face();
  loop();
  requests_.close();
  notifier_.stopping();
  stop();
  hide_face();
  print_summary((boot_time_ns() - ready_ns) / 1'000'000'000);
  const pipeline::Counters& counters = pipeline_->counters();
  if (counters.alerts != 0 && counters.alerts_failed >= counters.alerts * sinks_.size())
    exit_code_ = kCouldNotRun;  // not one arrived
  return exit_code_;
}

// The sinks with threads of their own, as one more beside standard output and file_output.
Result<void> Daemon::build_sinks(const outputs::FormatOptions& format) {
  const bool json = format.format == outputs::Format::kJson;
  auto made = TRY(make_sinks(config_, json, format));
  context_.facts = wants_facts(config_, json);
  if (made->sinks().empty()) return {};
  fan_out_ = made.get();
  sinks_.push_back(std::move(made));
  return {};
}

// What sinks have to say: a line of the log, and an alert, which other sinks may still deliver.
void Daemon::tell_sink_notices() {
  static constexpr std::uint8_t kWarning = 4;
  if (fan_out_ == nullptr) return;
  for (outputs::SinkNotice& notice : fan_out_->take_notices()) {
    log_->warn("{}", outputs::escape(notice.text));
    pipeline_->emit(act::make_notice("Shrike internal: output", kWarning, notice.text, std::move(notice.fields), wall_time_ns(),
                                     context_.hostname));
  }
}

Result<void> Daemon::give_up_privileges() {
  TRY(keep_capabilities(engine_capabilities()));
  return restrict_calls(false);
}

void Daemon::recording_failed(const Error& error) {
  log_->error("error: recording: {}: it will lack events, and says where", error.message);
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

// The tier, by trying; where decisions apply. Errors: kInvalid for a cgroup that is none.
Result<void> Daemon::find_tier() {
  full_ = kernel::probe_host().tier == "full";
  const std::string& scope = config_.enforcement_cgroup;
  const std::string& directory = scope.empty() ? cgroup_reader_.mount_point() : scope;
  if (!directory.empty()) cgroup_ = UniqueFd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!scope.empty()) {
    struct statfs system{};
    struct stat status{};
    if (!cgroup_ || fstatfs(cgroup_.get(), &system) != 0 || fstat(cgroup_.get(), &status) != 0)
      return std::unexpected(system_error("enforcement.cgroup: " + scope, errno));
    if (system.f_type != CGROUP2_SUPER_MAGIC)
      return fail(Code::kInvalid, "enforcement.cgroup: " + scope + " is no directory of a cgroup2 file system");
    scope_cgroup_ = status.st_ino;
  }
  const event::Tier tier = full_ ? event::Tier::kFull : event::Tier::kTracing;
  compile_options_ = {.priority = config_.priority,
                      .suggested_output = false,
                      .append_output = config_.append_output,
                      .static_fields = config_.static_fields,
                      .plan = compile::PlanOptions{.tier = tier, .mode = mode_},
                      .opening_is_opening = config_.opening_is_opening,
                      .normal_forms = false};
  capabilities_ = {.events = kernel::captured_events(), .generic = kernel::generic_events()};
  return {};
}

void Daemon::load_policy(program::Program program, program::KernelPlan plan) {
  program_ = std::make_shared<program::Program>(std::move(program));
  compile::assess(*program_, capabilities_);
  policy_ = std::make_shared<const program::KernelPlan>(std::move(plan));
}

Result<void> Daemon::start_capture() {
  loader_ = TRY(kernel::Loader::create({.full = full_,
                                        .cgroup_fd = cgroup_.get(),
                                        .scope_cgroup = scope_cgroup_,
                                        .verdicts_ring_bytes = config_.verdicts_ring_bytes,
                                        .processes_ring_bytes = config_.processes_ring_bytes,
                                        .events_ring_bytes = config_.events_ring_bytes,
                                        .quota_above_percent = config_.quota_above_percent}));
  log_->info("rings: verdicts {}, processes {}, events {}{}", size_text(config_.verdicts_ring_bytes),
             size_text(config_.processes_ring_bytes), size_text(config_.events_ring_bytes),
             config_.quota_above_percent >= 100
                 ? ", no quota per cgroup"
                 : ", quota per cgroup above " + std::to_string(config_.quota_above_percent) + " % full");
  source_ = TRY(kernel::RingSource::create(loader_->ring_fds()));
  // Attached first, read afterwards: a process that begins in between is in the ring.
  const kernel::CapturePlan plan = kernel::make_capture_plan(*program_, *policy_, full_);
  TRY(loader_->want(plan, *policy_));
  environments_ = plan.environment;
  enricher_.capture_environments(environments_);
  pipeline_->load(program_, policy_, loader_->policy().generation());
  if (recorder_ != nullptr) recorder_->rules(*program_);
  for (const std::string& remark : loader_->policy().remarks()) log_->warn("{}", outputs::escape(remark));
  find_files();
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

// Where the paths and host names of the rules in force lead.
void Daemon::find_files() {
  const std::set<std::string> hosts = config_.resolve_hosts ? program_->named_hosts() : std::set<std::string>();
  if (!hosts.empty())
    log_->info("host names that rules compare with: {} are looked up (resolve_hosts: false: none)", hosts.size());
  names_.set_hosts(hosts);
  file_names_.set_paths(program_->named_files());
  if (auto looked = file_names_.refresh(); !looked)
    log_->error("error: looking up the files that rules name: {}", looked.error().message);
}

// A rule whose own mode is monitor does not ask for more.
bool Daemon::enforcement_missing(const program::Program& program) const {
  return std::ranges::any_of(program.rules, [&](const program::Rule& rule) {
    return rule.enforcement.starts_with("not enforced") || (rule.enforcement == "monitored" && rule.mode != "monitor");
  });
}

void Daemon::report_rules() {
  std::size_t active = 0, partial = 0, inactive = 0, disabled = 0;
  std::map<std::string, std::size_t> enforcements;
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
      if (field.format) continue;
      const event::Field& named = *program_->slots[field.slot].use.field;
      if (named.origin == event::Origin::kNotCaptured)
        log_->warn("rule \"{}\": its output shows {}, which nothing captures: <NA>", outputs::escape(rule.name), named.name);
    }
    if (!rule.enforcement.empty()) ++enforcements[rule.enforcement];
    if (rule.enforcement.starts_with("not enforced"))
      log_->warn("rule \"{}\": {} (action {} alerts only)", outputs::escape(rule.name), rule.enforcement, rule.action);
  }
  log_->info("rules: {} loaded: {} active, {} partial, {} inactive, {} disabled", program_->rules.size(), active, partial,
             inactive, disabled);
  if (enforcements.empty()) return;
  std::string counts;
  for (const auto& [what, count] : enforcements) counts += (counts.empty() ? "" : ", ") + std::to_string(count) + ' ' + what;
  log_->info("block and kill rules, mode {}: {}", spelling(mode_), counts);
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
    serve_face(now_ns);
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
  if (!told_to_stop() && std::exchange(reload_wanted_, false)) (void)reload();
}

Answer Daemon::reload() {
  const auto notice = [&](const std::string& outcome, std::vector<std::pair<std::string, act::FieldValue>> fields) {
    static constexpr std::uint8_t kNotice = 5;
    pipeline_->emit(act::make_notice("Shrike internal: rules reloaded", kNotice, outcome, std::move(fields), wall_time_ns(),
                                     context_.hostname));
  };
  notifier_.reloading();
  for (const auto& sink : sinks_) {
    if (auto reopened = sink->reopen(); !reopened) log_->error("error: {}: the old file stays open", reopened.error().message);
  }
  LoadedRules loaded = load_rules(rule_paths_, compile_options_, config_.rules);
  say(loaded.diagnostics);
  std::string why;
  if (loaded.diagnostics.has_errors()) {
    why = "the rule files are not valid";
  } else if (auto put = put_in_force(std::move(loaded.program), std::move(loaded.plan)); !put) {
    why = put.error().message;
  }
  last_reload_.time_ns = wall_time_ns();
  last_reload_.ok = why.empty();
  if (last_reload_.ok) {
    rule_set_ = std::move(loaded.set);
    last_reload_.message = std::to_string(program_->rules.size()) + " rules in force";
    last_reload_.last_ok_ns = last_reload_.time_ns;
    ++last_reload_.good;
    log_->info("reload: {} rules in force, {} programs attached", program_->rules.size(), loader_->attached_programs());
    notice("Rules reloaded", {{"rules", program_->rules.size()}});
  } else {
    last_reload_.message = why + ": the old " + std::to_string(program_->rules.size()) + " rules stay in force";
    ++last_reload_.bad;
    log_->error("reload: {}", last_reload_.message);
    notice("Rules not reloaded: the old ones stay in force",
           {{"errors", std::max<std::uint64_t>(loaded.diagnostics.error_count(), 1)}, {"rules", program_->rules.size()}});
  }
  notifier_.ready(status_line());
  static constexpr int kConflict = 409;
  return {last_reload_.ok ? 200 : kConflict,
          {{"ok", last_reload_.ok}, {"message", last_reload_.message}, {"diagnostics", to_json(loaded.diagnostics)}}};
}

// These rules from now on, in this mode. On error the old ones stay.
Result<void> Daemon::put_in_force(program::Program program, program::KernelPlan plan) {
  const auto old_program = program_;
  const auto old_policy = policy_;
  const auto keep_old = [&](Error error) {
    program_ = old_program;
    policy_ = old_policy;
    return std::unexpected(std::move(error));
  };
  load_policy(std::move(program), std::move(plan));
  if (options_.require_enforcement && !lowered_ && enforcement_missing(*program_)) {
    report_rules();
    return keep_old({Code::kUnsupported, "--require-enforcement: rules that are to block or kill are not enforced here"});
  }
  const kernel::CapturePlan capture = kernel::make_capture_plan(*program_, *policy_, full_);
  if (auto wanted = loader_->want(capture, *policy_); !wanted) return keep_old(std::move(wanted).error());
  const bool ask_environments = capture.environment && !environments_;
  environments_ = capture.environment;
  enricher_.capture_environments(environments_);
  pipeline_->load(program_, policy_, loader_->policy().generation());
  find_files();
  if (recorder_ != nullptr) recorder_->rules(*program_);
  retire(*old_program, *old_policy);
  for (const std::string& remark : loader_->policy().remarks()) log_->warn("{}", outputs::escape(remark));
  // For states of the tasks there are, and their environments.
  if ((old_policy->empty() && !policy_->empty()) || ask_environments) rescan();
  report_rules();
  return {};
}

// What the rules of a policy that is no longer in force did.
void Daemon::retire(const program::Program& program, const program::KernelPlan& policy) {
  const auto& reports = loader_->policy().retired();
  if (!reports) {
    log_->error("error: {}: what the rules before did is not in the summary", reports.error().message);
    return;
  }
  for (std::size_t i = 0; i < reports->size() && i < policy.rules.size(); ++i)
    add(retired_[program.rules[policy.rules[i].rule].name], (*reports)[i]);
}

// By rule, since start.
std::map<std::string, kernel::RuleReport> Daemon::rule_reports() const {
  std::map<std::string, kernel::RuleReport> all = retired_;
  const auto reports = loader_->policy().rule_reports();
  if (!reports) {
    log_->error("error: {}", reports.error().message);
    return all;
  }
  for (std::size_t i = 0; i < reports->size(); ++i) add(all[program_->rules[policy_->rules[i].rule].name], (*reports)[i]);
  return all;
}

pipeline::Losses Daemon::losses() {
  pipeline::Losses losses;
  losses.corrupt = pipeline_->counters().corrupt;
  const auto hooks = loader_->counters();
  const auto classes = loader_->class_counters();
  if (!hooks || !classes) {
    log_->error("error: {}", (hooks ? classes.error() : hooks.error()).message);
    return losses;
  }
  for (const kernel::HookReport& hook : *hooks) {
    losses.hooks.push_back({.hook = std::string(hook.name),
                            .counts = {.produced = hook.counters.produced,
                                       .delivered = pipeline_->counters().delivered[hook.hook],
                                       .ring_full = hook.counters.lost_ring_full,
                                       .no_scratch = hook.counters.lost_no_scratch,
                                       .quota = hook.counters.lost_quota,
                                       .missed = hook.recursion_misses}});
  }
  const auto taken = source_->taken();
  for (std::size_t of = 0; of < classes->size(); ++of) {
    const class_counters& counters = (*classes)[of].counters;
    losses.classes.push_back({.name = std::string((*classes)[of].name),
                              .counts = {.produced = counters.produced,
                                         .delivered = taken[of],
                                         .ring_full = counters.lost_ring_full,
                                         .no_scratch = counters.lost_no_scratch,
                                         .quota = counters.lost_quota}});
  }
  // A look at all cgroups costs more than the rest: when somebody lost something, and now and then for those that are gone.
  static constexpr std::uint64_t kLookNs = 60'000'000'000;
  const std::uint64_t now_ns = boot_time_ns();
  if (losses.lost() != cgroups_at_lost_ || now_ns - cgroups_looked_ns_ >= kLookNs) {
    cgroups_lost_ = cgroup_losses();
    cgroups_at_lost_ = losses.lost();
    cgroups_looked_ns_ = now_ns;
  }
  losses.cgroups = cgroups_lost_;
  return losses;
}

// By path. The entries of cgroups that are gone are taken out and what they lost is kept: their ids do not come again.
std::vector<pipeline::CgroupLoss> Daemon::cgroup_losses() {
  static constexpr std::size_t kGoneKept = 256;
  const auto lost = [](const cgroup_share& share) {
    std::uint64_t sum = share.lost_quota;
    for (const std::uint64_t full : share.lost_ring_full) sum += full;
    return sum;
  };
  const auto shares = loader_->cgroup_shares();
  if (!shares) {
    log_->error("error: {}", shares.error().message);
    return cgroups_lost_;
  }
  std::map<std::string, std::uint64_t> all;
  for (const auto& [id, share] : *shares) {
    if (id == 0) {
      if (lost(share) != 0) all["(beyond the table)"] = lost(share);
      continue;
    }
    const auto path = cgroup_reader_.read(id);
    if (!path || !path->empty()) {
      if (lost(share) != 0) all[path ? *path : "(unknown)"] += lost(share);
      continue;
    }
    const auto last = loader_->forget_cgroup(id);
    if (!last || lost(last->share) == 0) continue;
    std::string was(cgroups_.path(id));  // as its events had it
    if (was.empty() || (gone_cgroups_.size() >= kGoneKept && !gone_cgroups_.contains(was))) was = "(gone)";
    gone_cgroups_[was] += lost(last->share);
  }
  for (const auto& [path, sum] : gone_cgroups_) all[path] += sum;
  std::vector<pipeline::CgroupLoss> losses;
  losses.reserve(all.size());
  for (const auto& [path, sum] : all) losses.push_back({path, sum});
  return losses;
}

void Daemon::tick() {
  log_->flush();  // what repeated
  tell_sink_notices();
  names_.refresh();
  containers_.refresh();
  pipeline_->refresh();
  if (auto refreshed = loader_->policy().refresh_objects(); !refreshed)
    log_->error("error: looking up the files that rules name: {}", refreshed.error().message);
  if (auto refreshed = file_names_.refresh(); !refreshed)
    log_->error("error: looking up the files that rules name: {}", refreshed.error().message);
  const pipeline::Losses all = losses();
  if (const auto notice = loss_monitor_.check(all, wall_time_ns(), context_.hostname)) {
    pipeline_->emit(*notice);
    log_->warn("{}", outputs::escape(notice->message));
  }
  if (recorder_ != nullptr) {
    recorder_->losses(all);
    if (const auto error = recorder_->flush()) recording_failed(*error);
  }
  // A lost exec, fork or exit leaves the process table wrong: look at the tasks again.
  std::uint64_t lifecycle_lost = 0;
  for (const pipeline::HookLoss& hook : all.hooks) {
    if (hook.hook.starts_with("sched_process_")) lifecycle_lost += hook.counts.lost();
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
    std::uint64_t missing = 0;
    for (const pipeline::HookLoss& hook : losses().hooks) missing += hook.counts.waiting();
    if (missing <= pipeline_->counters().corrupt) break;
    usleep(1000);
  }
  tick();
  if (fan_out_ != nullptr) {
    fan_out_->stop(outputs::Sink::Clock::now() + kSinksMayTake);
    tell_sink_notices();
  }
  for (const auto& sink : sinks_) {
    if (auto flushed = sink->flush(); !flushed) sink_failed(flushed.error());
  }
  if (recorder_ == nullptr) return;
  if (const auto error = recorder_->finish()) recording_failed(*error);
  log_->info("recorded: {} events, {} bytes in {}, {} lines not written", recorder_->events(), recorder_->written().bytes,
             options_.record, recorder_->written().missing);
}

void Daemon::print_summary(std::uint64_t seconds) {
  const pipeline::Counters& counters = pipeline_->counters();
  const pipeline::Losses all_losses = losses();
  const std::uint64_t lost = all_losses.lost();
  const std::uint64_t incomplete = counters.gap_path + counters.gap_arguments + counters.gap_environment +
                                   counters.gap_user_unread + counters.gap_user_cut + counters.gap_fd_gone + counters.gap_names +
                                   counters.gap_rules;
  const auto rules = rule_reports();
  kernel::RuleReport all;
  for (const auto& [name, report] : rules) add(all, report);
  if (!options_.summary_json) {
    log_->info(
        "stopped: {} s, {} events, {} alerts, {} blocked, {} killed, {} would be, {} lost ({}), {} incomplete, {} without a "
        "process, {} processes evicted, {} alerts not delivered",
        seconds, counters.events, counters.alerts, all.blocked, all.killed, all.would_block + all.would_kill, lost,
        losses_by_class(all_losses), incomplete, enricher_.counters().unknown, processes_.counters().evicted,
        counters.alerts_failed);
    return;
  }
  nlohmann::json by_hook = nlohmann::json::object();
  for (const pipeline::HookLoss& hook : all_losses.hooks) {
    by_hook[hook.hook] = loss_json(hook.counts);
    by_hook[hook.hook]["missed"] = hook.counts.missed;
  }
  nlohmann::json by_class = nlohmann::json::object();
  for (const pipeline::ClassLoss& one : all_losses.classes) by_class[one.name] = loss_json(one.counts);
  nlohmann::json by_cgroup = nlohmann::json::object();
  for (const pipeline::CgroupLoss& cgroup : all_losses.cgroups) by_cgroup[cgroup.path] = cgroup.lost;
  if (const auto reports = loader_->counters()) {
    for (const kernel::HookReport& hook : *reports) {
      const hook_counters& c = hook.counters;
      by_hook[std::string(hook.name)].update({{"decided", c.decided},
                                              {"refused", c.refused},
                                              {"killed", c.killed},
                                              {"would_refuse", c.would_refuse},
                                              {"unsure_path", c.unsure_path},
                                              {"unsure_access", c.unsure_access},
                                              {"unsure_no_buffer", c.unsure_no_buffer},
                                              {"unsure_no_policy", c.unsure_no_policy},
                                              {"state_recomputed", c.state_recomputed},
                                              {"state_unstored", c.state_unstored}});
    }
  }
  nlohmann::json by_rule = nlohmann::json::object();
  for (const auto& [name, report] : rules) {
    by_rule[name] = {{"blocked", report.blocked},
                     {"killed", report.killed},
                     {"would_block", report.would_block},
                     {"would_kill", report.would_kill},
                     {"outranked", report.outranked}};
  }
  const enrich::Containers::Counters& containers = containers_.counters();
  const enrich::ContainerFiles::Counters& container_files = container_files_.counters();
  const nlohmann::json by_container = {{"found", containers.found},
                                       {"read", containers.read},
                                       {"late", containers.late},
                                       {"attempts", containers.attempts},
                                       {"alerts_without", containers.alerts_without},
                                       {"evicted", containers.evicted},
                                       {"evicted_cgroups", containers.evicted_cgroups},
                                       {"files", container_files.files},
                                       {"files_too_big", container_files.too_big},
                                       {"files_corrupt", container_files.corrupt},
                                       {"cut", container_files.cut}};
  nlohmann::json summary = {{"seconds", seconds},
                            {"containers", by_container},
                            {"events", counters.events},
                            {"alerts", counters.alerts},
                            {"alerts_failed", counters.alerts_failed},
                            {"records", counters.records},
                            {"corrupt", counters.corrupt},
                            {"lost", lost},
                            {"hooks", by_hook},
                            {"classes", by_class},
                            {"cgroups_lost", by_cgroup},
                            {"rules", by_rule},
                            {"tier", full_ ? "full" : "tracing"},
                            {"mode", spelling(mode_)},
                            {"generation", loader_->policy().generation()},
                            {"incomplete",
                             {{"path", counters.gap_path},
                              {"arguments", counters.gap_arguments},
                              {"environment", counters.gap_environment},
                              {"user_unread", counters.gap_user_unread},
                              {"user_cut", counters.gap_user_cut},
                              {"fd_gone", counters.gap_fd_gone},
                              {"names", counters.gap_names},
                              {"rules", counters.gap_rules}}},
                            {"processes",
                             {{"known", processes_.size()},
                              {"image_bytes", processes_.image_bytes()},
                              {"images_cut", processes_.counters().images_cut},
                              {"evicted", processes_.counters().evicted},
                              {"evicted_living", processes_.counters().evicted_living},
                              {"exits_missed", processes_.counters().exits_missed},
                              {"parent_unknown", processes_.counters().parent_unknown},
                              {"recovered", enricher_.counters().recovered},
                              {"unknown", enricher_.counters().unknown}}}};
  if (recorder_ != nullptr) {
    summary["recorded"] = {
        {"events", recorder_->events()}, {"bytes", recorder_->written().bytes}, {"missing", recorder_->written().missing}};
  }
  std::fprintf(stderr, "%s\n", summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace shrike::app
