// SPDX-License-Identifier: Apache-2.0
// The daemon as one talks to it: control socket, metrics, systemd, changes of mode.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <unistd.h>
#include <utility>

#include "engine/act/make_alert.h"
#include "engine/app/commands.h"
#include "engine/app/daemon.h"
#include "engine/base/clock.h"

namespace shrike::app {
namespace {

constexpr int kBad = 400, kConflict = 409;
constexpr std::chrono::milliseconds kPatience{3'000};       // of a scrape
constexpr std::uint64_t kTurnsWithinNs = 5'000'000'000ULL;  // a loop that has not turned for so long is not healthy

std::string_view spelling(compile::HostMode mode) {
  static constexpr std::string_view kNames[] = {"detect", "monitor", "enforce"};
  return kNames[static_cast<std::size_t>(mode)];
}

// "2 enforced, 1 not enforced: tier"; empty without block and kill rules.
std::map<std::string, std::size_t> enforcements(const program::Program& program) {
  std::map<std::string, std::size_t> counts;
  for (const program::Rule& rule : program.rules) {
    if (rule.enabled && !rule.enforcement.empty()) ++counts[rule.enforcement];
  }
  return counts;
}

std::string text_of(const std::map<std::string, std::size_t>& counts) {
  std::string text;
  for (const auto& [what, count] : counts) text += (text.empty() ? "" : ", ") + std::to_string(count) + ' ' + what;
  return text.empty() ? "no rule blocks or kills" : text;
}

Answer yes(const std::string& message) { return {200, {{"ok", true}, {"message", message}}}; }

}  // namespace

// Before capture begins: a daemon that is one too many does not get as far as attaching anything. A default socket that can't be
// made is a warning: a second `shrike run` in the foreground, or one without /run, is good for something too.
Result<void> Daemon::open_face() {
  const bool given = options_.control_socket.has_value() || config_.control_socket != kDefaultControlSocket;
  const std::string path = options_.control_socket.value_or(config_.control_socket);
  if (!path.empty()) {
    auto opened = ControlSocket::open(
        path,
        {.requests = requests_,
         .feed = feed_,
         .verbs = {.status = [this] { return Answer{200, to_json(snapshot())}; },
                   .reload = [this] { return reload(); },
                   .confirm = [this] { return answer_confirm(); },
                   .rollback = [this] { return answer_rollback(); },
                   .mode = [this](const std::string& mode, std::optional<double> within) { return answer_mode(mode, within); }},
         .format = format_options(config_, std::nullopt)});
    if (!opened && given) return std::unexpected(std::move(opened).error());
    if (opened) {
      control_ = *std::move(opened);
    } else {
      log_->warn("{}: no control socket, `shrike status` and its kin do not reach this daemon", opened.error().message);
    }
  }
  if (config_.metrics_listen.empty()) return {};
  const auto address = parse_listen(config_.metrics_listen);
  if (!address) return fail(Code::kInvalid, "metrics.listen: not an address and a port: " + config_.metrics_listen);
  if (!address->loopback) log_->warn("metrics.listen: {} is not loopback: whoever reaches it reads them", config_.metrics_listen);
  metrics_ = TRY(MetricsServer::open(*address, {.metrics = [this] { return metrics(); }, .ailing = [this] { return ailing(); }}));
  return {};
}

void Daemon::show_face() {
  started_ns_ = wall_time_ns();
  started_boot_ns_ = boot_time_ns();
  last_reload_.last_ok_ns = started_ns_;
  turned_ns_ = started_boot_ns_;
  if (control_ != nullptr) control_->serve();
  notifier_.ready(status_line());
}

// Once requests_ is closed and the engine has ended.
void Daemon::hide_face() {
  turned_ns_ = 0;
  feed_.close();
  control_.reset();
  metrics_.reset();
}

// A turn of the loop.
void Daemon::serve_face(std::uint64_t now_ns) {
  turned_ns_.store(now_ns, std::memory_order_relaxed);
  notifier_.turned(now_ns);
  if (confirm_by_ns_ != 0 && now_ns >= confirm_by_ns_) fall_back("nobody confirmed it in time");
  requests_.serve();
}

void Daemon::alert_seen(const act::Alert& alert) {
  RuleAlerts& of = rule_alerts_[alert.rule];
  of.priority = alert.priority;
  ++of.alerts;
  feed_.publish(alert);
}

// What the rule files lack: as people read it, or as lines of the log.
void Daemon::say(const lang::Diagnostics& diagnostics) {
  if (config_.log_format == "text") return print_diagnostics(diagnostics, true);
  for (const lang::Diagnostic& one : diagnostics.all()) {
    const std::string text = one.position.file + ':' + std::to_string(one.position.line) + ':' +
                             std::to_string(one.position.column) + ": " + one.message;
    if (one.severity == lang::Severity::kError) {
      log_->error("{}", text);
    } else {
      log_->warn("{}", text);
    }
  }
}

std::string Daemon::status_line() const {
  return std::to_string(program_->rules.size()) + " rules in force, mode " + std::string(spelling(mode_)) + ", tier " +
         (full_ ? "full" : "tracing");
}

Snapshot Daemon::snapshot() {
  Snapshot now;
  now.version = SHRIKE_VERSION;
  now.pid = static_cast<std::uint32_t>(getpid());
  now.hostname = context_.hostname;
  now.time_ns = wall_time_ns();
  now.started_ns = started_ns_;
  const std::uint64_t boot_ns = boot_time_ns();
  now.uptime_ns = boot_ns - started_boot_ns_;
  now.tier = full_ ? "full" : "tracing";
  now.mode = spelling(mode_);
  if (confirm_by_ns_ != 0) now.confirm_s = static_cast<double>(confirm_by_ns_ - std::min(boot_ns, confirm_by_ns_)) / 1e9;
  now.generation = loader_->policy().generation();
  now.programs = loader_->attached_programs();
  add_rules(now);
  now.counters = pipeline_->counters();
  now.losses = losses();
  if (const auto reports = loader_->counters()) {
    for (const kernel::HookReport& hook : *reports) {
      const hook_counters& c = hook.counters;
      now.decisions[std::string(hook.name)] = {
          .refused = c.refused,
          .killed = c.killed,
          .would_refuse = c.would_refuse,
          .unsure = c.unsure_path + c.unsure_access + c.unsure_no_buffer + c.unsure_no_policy};
    }
  }
  now.reload = last_reload_;
  now.sinks = sink_snapshots();
  now.processes = processes_.size();
  now.processes_evicted = processes_.counters().evicted;
  now.tails = feed_.lookers();
  now.tail_lost = feed_.lost();
  return now;
}

void Daemon::add_rules(Snapshot& to) const {
  to.rules_loaded = program_->rules.size();
  to.enforcement = enforcements(*program_);
  for (const auto& [name, alerts] : rule_alerts_)
    to.rules[name] = {.priority = alerts.priority, .action = "alert", .alerts = alerts.alerts, .decisions = {}};
  for (const program::Rule& rule : program_->rules) {
    using State = program::Availability::State;
    const State state = rule.availability.state;
    ++(!rule.enabled              ? to.rules_disabled
       : state == State::kActive  ? to.rules_active
       : state == State::kPartial ? to.rules_partial
                                  : to.rules_inactive);
    if (!rule.enabled) continue;
    RuleSnapshot& one = to.rules[rule.name];
    one.priority = rule.priority;
    one.action = rule.action;
  }
  for (const auto& [name, report] : rule_reports()) {
    RuleSnapshot& one = to.rules[name];
    one.decisions = report;
    if (one.action.empty() || one.action == "alert") one.action = "block";  // of a rule that is there no more: one of the two
  }
}

// Where alerts go. Standard output and a file take an alert or fail at once.
SinkSnapshot snapshot_of(const outputs::SinkStatus& status) {
  SinkSnapshot one{.name = status.name, .state = "ok", .results = {}, .levels = {}};
  if (status.failing) one.state = "failing: " + status.last_error;
  if (status.spool_failed) one.state += "; its spool can't be written";
  one.results = {{"delivered", status.delivered}, {"summed", status.summed},     {"filtered", status.filtered},
                 {"retried", status.retried},     {"rejected", status.rejected}, {"lost", status.lost_sum()}};
  one.levels = {{"queue_alerts", status.queued}, {"spool_alerts", status.spooled}, {"spool_bytes", status.spool_bytes}};
  return one;
}

std::vector<SinkSnapshot> Daemon::sink_snapshots() const {
  std::vector<SinkSnapshot> all;
  const pipeline::Counters& counters = pipeline_->counters();
  const std::size_t own = sinks_.size() - (fan_out_ == nullptr ? 0 : 1);
  if (fan_out_ != nullptr) {
    for (const auto& sink : fan_out_->sinks()) all.push_back(snapshot_of(sink->status()));
  }
  if (own == 0) return all;
  std::string name;
  if (config_.stdout_enabled) name = "stdout";
  if (config_.file_enabled) name += name.empty() ? "file" : "+file";
  const std::uint64_t offered = counters.alerts * own;
  all.push_back(
      {.name = name,
       .state = counters.alerts_failed == 0 ? "ok" : "alerts were not delivered",
       .results = {{"delivered", offered - std::min(offered, counters.alerts_failed)}, {"failed", counters.alerts_failed}},
       .levels = {}});
  return all;
}

Result<std::string> Daemon::metrics() {
  auto text = std::make_shared<std::string>();
  const Answer answer = requests_.ask(
      [this, text] {
        *text = metrics_text(snapshot());
        return Answer{};
      },
      kPatience);
  if (answer.status == 200) return std::move(*text);
  return fail(Code::kLimit, answer.body.value("message", "no answer"));
}

std::optional<std::string> Daemon::ailing() const {
  const std::uint64_t turned_ns = turned_ns_.load(std::memory_order_relaxed);
  if (turned_ns == 0) return "capture is not attached";
  const std::uint64_t now_ns = boot_time_ns();
  if (now_ns < turned_ns + kTurnsWithinNs) return std::nullopt;
  return "the engine has been busy for " + std::to_string((now_ns - turned_ns) / 1'000'000'000) + " s";
}

Answer Daemon::answer_mode(const std::string& mode, std::optional<double> confirm_within_s) {
  const auto parsed = parse_mode(mode);
  if (!parsed) return refusal(kBad, "not a mode: detect, monitor or enforce");
  if (confirm_within_s && *parsed != Mode::kEnforce)
    return refusal(kBad, "only mode enforce waits for a confirmation: " + mode + " refuses nothing");
  const compile::HostMode wanted = host_mode(*parsed);
  if (wanted != mode_) {
    if (auto changed = change_mode(wanted, "as told on the control socket"); !changed) {
      return refusal(kConflict,
                     "mode " + mode + ": " + changed.error().message + "; the mode stays " + std::string(spelling(mode_)));
    }
  }
  confirm_by_ns_ = confirm_within_s ? boot_time_ns() + static_cast<std::uint64_t>(*confirm_within_s * 1e9) : 0;
  std::string message = "mode " + mode + ": " + text_of(enforcements(*program_));
  if (confirm_within_s) {
    message += "; back to monitor in " + std::to_string(std::lround(*confirm_within_s)) +
               " s unless `shrike confirm` comes. The daemon holds this deadline: if it ends, what it enforces ends with it";
  }
  return yes(message);
}

Answer Daemon::answer_confirm() {
  if (confirm_by_ns_ == 0) return refusal(kConflict, "nothing waits to be confirmed: mode " + std::string(spelling(mode_)));
  confirm_by_ns_ = 0;
  log_->info("mode enforce is confirmed");
  return yes("mode enforce stays");
}

Answer Daemon::answer_rollback() {
  if (mode_ != compile::HostMode::kEnforce) return yes("mode " + std::string(spelling(mode_)) + " already: nothing is refused");
  if (fall_back("rolled back on the control socket")) return yes("mode monitor: nothing is refused any more");
  return yes("nothing is refused any more; the rules could not be put in force in mode monitor, see the daemon's log");
}

// Mode monitor, whatever it takes; false: it took more than it should.
bool Daemon::fall_back(const std::string& why) {
  confirm_by_ns_ = 0;
  auto changed = change_mode(compile::HostMode::kMonitor, why);
  if (changed) return true;
  log_->error("error: mode monitor: {}: nothing is decided any more; block and kill rules are silent until a reload succeeds",
              changed.error().message);
  disarm();
  return false;
}

// The kernel decides nothing any more.
void Daemon::disarm() {
  loader_->policy().disable();
  retire(*program_, *policy_);
  policy_ = std::make_shared<const program::KernelPlan>();
  mode_ = compile::HostMode::kMonitor;
  compile_options_.plan->mode = mode_;
  lowered_ = true;
}

// The rules in force, compiled anew: files on disk may have become others meanwhile, and that is what `reload` is for.
Result<void> Daemon::change_mode(compile::HostMode mode, const std::string& why) {
  static constexpr std::uint8_t kWarning = 4, kNotice = 5;
  const compile::HostMode before = mode_;
  const bool lowered_before = lowered_;
  compile::Options options = compile_options_;
  options.plan->mode = mode;
  lang::Diagnostics diagnostics;
  compile::Compiled compiled = compile::compile_rules(rule_set_, options, diagnostics);
  if (diagnostics.has_errors()) return fail(Code::kInvalid, diagnostics.all().front().message);
  if (mode == compile::HostMode::kEnforce) {
    const auto counts = enforcements(compiled.program);
    if (!counts.empty() && !counts.contains("enforced") && !counts.contains("monitored"))
      return fail(Code::kUnsupported, "this host can't: " + text_of(counts) + " (`shrike doctor` says what it lacks)");
  }
  mode_ = mode;
  lowered_ = mode != compile::HostMode::kEnforce;
  if (auto put = put_in_force(std::move(compiled.program), std::move(compiled.plan)); !put) {
    mode_ = before;
    lowered_ = lowered_before;
    return put;
  }
  compile_options_ = std::move(options);
  const std::string from(spelling(before)), to(spelling(mode));
  log_->warn("mode {}, was {}: {}", to, from, why);
  const bool sharp = mode == compile::HostMode::kEnforce || before == compile::HostMode::kEnforce;
  pipeline_->emit(
      act::make_notice("Shrike internal: mode changed", sharp ? kWarning : kNotice, "Mode " + to + ": " + why,
                       {{"mode", to}, {"before", from}, {"generation", std::uint64_t{loader_->policy().generation()}}},
                       wall_time_ns(), context_.hostname));
  notifier_.ready(status_line());
  return {};
}

}  // namespace shrike::app
