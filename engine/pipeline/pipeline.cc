// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/pipeline.h"

#include "engine/act/make_alert.h"
#include "engine/decode/decode.h"

namespace shrike::pipeline {

void Pipeline::load(const program::Program& program) {
  program_ = &program;
  matcher_ = std::make_unique<match::Matcher>(program, parts_.context);
  refresh();
}

void Pipeline::refresh() {
  clock_.refresh();
  parts_.context.wall_minus_boot_ns = static_cast<std::int64_t>(clock_.from_boot(0));
}

void Pipeline::process(std::span<const std::byte> record) {
  ++counters_.records;
  auto event = decode::decode(record, clock_);
  if (!event) {
    ++counters_.corrupt;
    return;
  }
  ++counters_.delivered[event->hook % kHooksMax];
  count_gaps(event->gaps);
  parts_.enricher.enrich(*event);
  if (event->type == event::EventType::kNone || matcher_ == nullptr) return;
  event->number = ++counters_.events;
  for (const std::uint32_t rule : matcher_->match(*event, parts_.matching)) {
    emit(act::make_alert(*program_, program_->rules[rule], *event, parts_.context,
                         [&](std::uint32_t slot) -> const event::Value& { return matcher_->value(slot); }));
  }
}

void Pipeline::count_gaps(const event::Gaps& gaps) {
  if (gaps == event::Gaps{}) [[likely]] {
    return;
  }
  counters_.gap_path += gaps.path ? 1 : 0;
  counters_.gap_arguments += gaps.arguments ? 1 : 0;
  counters_.gap_user_unread += gaps.user_unread ? 1 : 0;
  counters_.gap_user_cut += gaps.user_cut ? 1 : 0;
  counters_.gap_fd_gone += gaps.fd_gone ? 1 : 0;
}

void Pipeline::emit(const act::Alert& alert) {
  ++counters_.alerts;
  for (const auto& sink : parts_.sinks) {
    if (auto written = sink->write(alert); !written) {
      ++counters_.alerts_failed;
      if (parts_.on_sink_error) parts_.on_sink_error(written.error());
    }
  }
}

}  // namespace shrike::pipeline
