// SPDX-License-Identifier: Apache-2.0
// The world of recorded events: all that is known of it is in the event.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "engine/event/context.h"

namespace shrike::app {

class NoNames final : public event::Names {
 public:
  std::string_view user_name(std::uint32_t) const override { return {}; }
  std::string_view group_name(std::uint32_t) const override { return {}; }
};

class NoProcesses final : public event::Processes {
 public:
  const event::Process* find(std::uint32_t) const override { return nullptr; }
};

struct RecordedWorld {
  explicit RecordedWorld(std::string hostname) : context{names, processes, std::move(hostname)} {}
  RecordedWorld(const RecordedWorld&) = delete;
  RecordedWorld& operator=(const RecordedWorld&) = delete;

  NoNames names;
  NoProcesses processes;
  event::Context context;
};

}  // namespace shrike::app
