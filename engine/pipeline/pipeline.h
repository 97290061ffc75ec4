// SPDX-License-Identifier: Apache-2.0
// Pipeline joins the stages: record → event → event with its process → rules that fire → alert → sinks. One thread runs all of
// it.
//
// A record with a verdict of the kernel's policy alerts for the rules that verdict names, whether or not the engine would agree;
// then it is an event like any other, for the rules the kernel does not decide.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/act/alert_sink.h"
#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/decode/decode.h"
#include "engine/enrich/enricher.h"
#include "engine/enrich/file_names.h"
#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/match/matcher.h"
#include "engine/program/kernel_plan.h"
#include "engine/program/program.h"

namespace shrike::pipeline {

// Hooks are numbered by bpf/abi/event.h; there are fewer than this.
inline constexpr std::size_t kHooksMax = 64;

struct Counters {
  std::uint64_t records = 0;
  std::uint64_t corrupt = 0;  // records that did not decode: skipped; and those whose verdict or names no policy we know explains
  std::uint64_t events = 0;   // given to rules, in the kernel or here
  std::uint64_t quiet = 0;    // of those, opens known to leave no rule possible: not decoded
  std::uint64_t alerts = 0;
  std::uint64_t alerts_failed = 0;                   // a sink did not take it, per sink
  std::array<std::uint64_t, kHooksMax> delivered{};  // records per hook
  // Records that could not say all, by event::Gaps.
  std::uint64_t gap_path = 0, gap_arguments = 0, gap_environment = 0, gap_user_unread = 0, gap_user_cut = 0, gap_fd_gone = 0,
                gap_names = 0, gap_rules = 0;
};

// An event as rules saw it: what a recording is made from.
struct Observed {
  const event::Event& event;
  const program::Program& program;
  match::Matcher& matcher;               // has looked at the event
  std::span<const act::Alert> verdicts;  // the alerts of a verdict; nobody else was asked then. Empty: the rules were asked
};

class Pipeline {
 public:
  struct Parts {
    enrich::Enricher& enricher;
    event::Context& context;
    std::vector<std::unique_ptr<act::AlertSink>>& sinks;
    const enrich::FileNames* file_names = nullptr;  // what opened files are called on this host; null: by their paths alone
    match::Matching matching = match::Matching::kFirst;
    // Told of every alert a sink refused.
    std::function<void(const Error&)> on_sink_error = {};
    // Told of every event rules were asked about, and of every verdict, after its alerts. Of an event with a verdict that rules
    // are asked about too, twice.
    std::function<void(const Observed&)> on_event = {};
    // Told of every alert and notice, before the sinks.
    std::function<void(const act::Alert&)> on_alert = {};
  };

  explicit Pipeline(Parts parts) : parts_(std::move(parts)) {}

  // Rules from the next event on.
  //
  // program      the rules
  // plan         what the kernel decides of them; null: nothing
  // generation   the number verdicts of this plan carry
  //
  // Verdicts of the three loads before are still understood: records of theirs may be in the rings.
  void load(std::shared_ptr<const program::Program> program, std::shared_ptr<const program::KernelPlan> plan,
            std::uint32_t generation);

  // One record, through all stages.
  void process(std::span<const std::byte> record);

  // An alert or notice straight to the sinks.
  void emit(const act::Alert& alert);

  // Reads the clocks again; to be called about once a second.
  void refresh();

  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kGenerationsKept = 4;
  struct Generation {
    std::uint32_t number = 0;
    std::shared_ptr<const program::Program> program;
    std::shared_ptr<const program::KernelPlan> plan;
    std::unique_ptr<match::Matcher> matcher;
  };

  void count_gaps(const event::Gaps& gaps);
  Generation* find_generation(std::uint32_t number);
  void name_object(event::Event& event, bool one_name);
  bool collect_names(const program::KernelPlan& plan, std::span<const event::ObjectName> names, std::string_view path);
  void alert_verdict(const event::Event& event);
  bool alert_decision(Generation& of, std::uint32_t number, const event::Event& event);
  match::Peeked peek(const decode::OpenPeek& open);
  void alert_rules(const event::Event& event, const match::Peeked& peeked);
  act::Alert make_alert(Generation& of, std::uint32_t rule, const event::Event& event);

  Parts parts_;
  WallClock clock_;
  std::deque<Generation> generations_;      // newest first
  enrich::NameList names_;                  // of the event at hand
  std::vector<act::Alert> verdict_alerts_;  // of the event at hand; kept if on_event wants them
  std::vector<std::uint32_t> fired_;        // of the event at hand
  Counters counters_;
};

}  // namespace shrike::pipeline
