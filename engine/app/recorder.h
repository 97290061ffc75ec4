// SPDX-License-Identifier: Apache-2.0
// Recorder is `run --record`: it writes what rules saw of each event as lines of an event file, so that `shrike replay` of it,
// with the same rules, gives the same alerts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/app/background_file.h"
#include "engine/base/handle.h"
#include "engine/event/field.h"
#include "engine/pipeline/loss.h"
#include "engine/pipeline/pipeline.h"
#include "engine/program/program.h"

namespace shrike::app {

// `"key":value` of a field's value behind what there is, or nothing if it is absent; read_event_line gives the same value back.
void append_member(std::string& line, const event::FieldUse& use, const event::Value& value);

class Recorder {
 public:
  Recorder(UniqueFd fd, std::string name) : file_(std::move(fd), std::move(name)) {}

  // These rules are in force from here on.
  void rules(const program::Program& program);

  // Every field its rules name, of one event.
  void event(const pipeline::Observed& seen);

  // What was lost since the last call, a line per hook.
  void losses(const pipeline::Losses& losses);

  // Has what there is written, without waiting. An error of writing, the first time.
  std::optional<Error> flush();

  // Waits until all is written. As flush().
  std::optional<Error> finish();

  std::uint64_t events() const { return events_; }
  BackgroundFile::Counters written() const { return file_.counters(); }

 private:
  // The slots to write: fields, each once, without those every line has.
  const std::vector<std::uint32_t>& fields_of(const program::Program& program);

  BackgroundFile file_;
  std::map<const program::Program*, std::vector<std::uint32_t>> fields_;
  std::map<std::string, std::uint64_t> lost_;  // by hook, as written
  std::string line_;
  std::uint64_t events_ = 0;
};

}  // namespace shrike::app
