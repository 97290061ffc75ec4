// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "engine/act/make_alert.h"
#include "engine/app/commands.h"
#include "engine/app/config.h"
#include "engine/app/event_file.h"
#include "engine/app/host_name.h"
#include "engine/app/load_rules.h"
#include "engine/app/recorded_world.h"
#include "engine/lang/ast.h"
#include "engine/match/matcher.h"
#include "outputs/line_sink.h"

namespace shrike::app {
namespace {

constexpr std::uint8_t kCritical = 2;

void complain(const std::string& message) {
  lang::Diagnostic problem;
  problem.message = message;
  std::fputs((lang::format(problem) + '\n').c_str(), stderr);
}

class Replay {
 public:
  Replay(program::Program& program, const Config& config, match::Matching matching, const std::optional<std::string>& format)
      : program_(program),
        matching_(matching),
        world_(host_name()),
        matcher_(std::make_unique<match::Matcher>(program, world_.context)),
        sink_(outputs::LineSink::to_stdout(format_options(config, format), [] { return false; })) {
    world_.context.iso_time = config.time_format_iso_8601;
    world_.context.base64_buffers = config.buffer_format_base64;
  }

  Result<void> run(EventFile& file) {
    event::RecordedEvent event;
    while (true) {
      auto record = TRY(file.next(event));
      if (std::holds_alternative<EventFile::End>(record)) return {};
      if (std::holds_alternative<Told>(record)) TRY(evaluate(event.event()));
      if (const auto* verdict = std::get_if<RecordedVerdict>(&record)) TRY(alert(*verdict, event.event()));
      if (const auto* loss = std::get_if<RecordedLoss>(&record)) TRY(report(*loss));
      if (const auto* rules = std::get_if<RecordedRules>(&record)) silence(*rules);
      if (const auto* bad = std::get_if<lang::Diagnostic>(&record)) {
        ++bad_;
        std::fputs((lang::format(*bad) + '\n').c_str(), stderr);
      }
    }
  }

  void print_summary() const {
    std::string line = "shrike: replayed " + std::to_string(events_) + " events, " + std::to_string(alerts_) + " alerts";
    if (bad_ != 0) line += ", " + std::to_string(bad_) + " bad records skipped";
    if (lost_ != 0) line += ", " + std::to_string(lost_) + " events lost in the recording";
    if (silenced_ != 0) line += ", " + std::to_string(silenced_) + " rules not asked: inactive when it was recorded";
    if (unknown_rules_ != 0) line += ", " + std::to_string(unknown_rules_) + " verdicts of rules that are not here";
    std::fputs((line + '\n').c_str(), stderr);
  }

 private:
  Result<void> evaluate(const event::Event& event) {
    ++events_;
    time_ns_ = event.time_ns;
    for (const std::uint32_t rule : matcher_->match(event, matching_)) {
      ++alerts_;
      TRY(sink_->write(act::make_alert(program_, program_.rules[rule], event, world_.context,
                                       [&](std::uint32_t slot) -> const event::Value& { return matcher_->value(slot); })));
    }
    return {};
  }

  // The alerts the kernel's verdict made, of the rules it names; nobody is asked.
  Result<void> alert(const RecordedVerdict& verdict, const event::Event& event) {
    ++events_;
    time_ns_ = event.time_ns;
    matcher_->look_at(event);
    for (const RecordedVerdict::Item& item : verdict.items) {
      const auto rule = std::ranges::find(program_.rules, item.rule, &program::Rule::name);
      if (rule == program_.rules.end()) {
        ++unknown_rules_;
        continue;
      }
      act::Alert alert = act::make_alert(program_, *rule, event, world_.context,
                                         [&](std::uint32_t slot) -> const event::Value& { return matcher_->value(slot); });
      alert.verdict = item.verdict;
      alert.hook = verdict.hook;
      alert.error_number = item.error_number;
      alert.generation = verdict.generation;
      ++alerts_;
      TRY(sink_->write(alert));
    }
    return {};
  }

  // Rules that were not asked when this was recorded are not asked now; others are, whether they were there then or not.
  void silence(const RecordedRules& rules) {
    const std::set<std::string_view> inactive(rules.inactive.begin(), rules.inactive.end());
    const std::set<std::string_view> decided(rules.decided.begin(), rules.decided.end());
    silenced_ = 0;
    for (program::Rule& rule : program_.rules) {
      rule.decided_in_kernel = decided.contains(rule.name);
      rule.availability.state =
          inactive.contains(rule.name) ? program::Availability::State::kInactive : program::Availability::State::kActive;
      if (rule.enabled && inactive.contains(rule.name)) ++silenced_;
    }
    program_.index_rules();
    matcher_ = std::make_unique<match::Matcher>(program_, world_.context);
  }

  // As the engine reports a loss of its own.
  Result<void> report(const RecordedLoss& loss) {
    lost_ += loss.lost;
    std::vector<std::pair<std::string, act::FieldValue>> fields{{"lost", loss.lost}, {"lost_total", lost_}};
    if (!loss.hook.empty()) fields.emplace_back("hook", loss.hook);
    return sink_->write(act::make_notice("Shrike internal: events lost", kCritical,
                                         std::to_string(loss.lost) + " events were lost", std::move(fields), time_ns_,
                                         world_.context.hostname));
  }

  program::Program& program_;
  match::Matching matching_;
  RecordedWorld world_;
  std::unique_ptr<match::Matcher> matcher_;
  std::unique_ptr<outputs::LineSink> sink_;
  std::uint64_t time_ns_ = 0;  // of the last event
  std::uint64_t events_ = 0, alerts_ = 0, bad_ = 0, lost_ = 0, silenced_ = 0, unknown_rules_ = 0;
};

}  // namespace

int replay_events(const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of the sink
  Config config;
  if (!options.config.empty()) {
    lang::Diagnostics diagnostics;
    config = read_config(options.config, diagnostics, {.outputs = false});
    print_diagnostics(diagnostics, true);
    if (diagnostics.has_errors()) return kUsage;
  }
  // Without a plan: no kernel decides, and block and kill rules alert like any other.
  LoadedRules loaded = load_rules(options.rules,
                                  {.priority = config.priority,
                                   .suggested_output = false,
                                   .append_output = config.append_output,
                                   .static_fields = config.static_fields,
                                   .opening_is_opening = config.opening_is_opening,
                                   .normal_forms = false},
                                  config.rules);
  print_diagnostics(loaded.diagnostics, true);
  if (loaded.diagnostics.has_errors()) return kNo;
  auto file = EventFile::open(options.events);
  if (!file) {
    complain(file.error().message);
    return kCouldNotRun;
  }
  const bool all = options.matching ? *options.matching == "all" : config.match_all;
  Replay replay(loaded.program, config, all ? match::Matching::kAll : match::Matching::kFirst,
                options.format_given ? std::optional(options.format) : std::nullopt);
  const auto done = replay.run(*file);
  if (!done) complain(done.error().message);
  replay.print_summary();
  return done ? kDone : kCouldNotRun;
}

}  // namespace shrike::app
