// SPDX-License-Identifier: Apache-2.0
// Pipeline joins the stages: record → event → event with its process → rules that fire → alert → sinks. One thread runs all of
// it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/act/alert_sink.h"
#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/enrich/enricher.h"
#include "engine/event/context.h"
#include "engine/match/matcher.h"
#include "engine/program/program.h"

namespace shrike::pipeline {

// Hooks are numbered by bpf/abi/event.h; there are fewer than this.
inline constexpr std::size_t kHooksMax = 64;

struct Counters {
  std::uint64_t records = 0;
  std::uint64_t corrupt = 0;  // records that did not decode: skipped
  std::uint64_t events = 0;   // given to rules
  std::uint64_t alerts = 0;
  std::uint64_t alerts_failed = 0;                   // a sink did not take it, per sink
  std::array<std::uint64_t, kHooksMax> delivered{};  // records per hook
  // Records that could not say all, by event::Gaps.
  std::uint64_t gap_path = 0, gap_arguments = 0, gap_user_unread = 0, gap_user_cut = 0, gap_fd_gone = 0;
};

class Pipeline {
 public:
  struct Parts {
    enrich::Enricher& enricher;
    event::Context& context;
    std::vector<std::unique_ptr<act::AlertSink>>& sinks;
    match::Matching matching = match::Matching::kFirst;
    // Told of every alert a sink refused.
    std::function<void(const Error&)> on_sink_error;
  };

  explicit Pipeline(Parts parts) : parts_(std::move(parts)) {}

  // Rules from the next event on. The program must live until the next load().
  void load(const program::Program& program);

  // One record, through all stages.
  void process(std::span<const std::byte> record);

  // An alert or notice straight to the sinks.
  void emit(const act::Alert& alert);

  // Reads the clocks again; to be called about once a second.
  void refresh();

  const Counters& counters() const { return counters_; }

 private:
  void count_gaps(const event::Gaps& gaps);

  Parts parts_;
  WallClock clock_;
  const program::Program* program_ = nullptr;
  std::unique_ptr<match::Matcher> matcher_;
  Counters counters_;
};

}  // namespace shrike::pipeline
