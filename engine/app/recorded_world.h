// SPDX-License-Identifier: Apache-2.0
// The world of recorded events: all that is known of it is in the event.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "engine/event/context.h"

namespace shrike::app {

struct RecordedWorld {
  explicit RecordedWorld(std::string hostname) : context{names, processes, std::move(hostname)} {}
  RecordedWorld(const RecordedWorld&) = delete;
  RecordedWorld& operator=(const RecordedWorld&) = delete;

  event::NoNames names;
  event::NoProcesses processes;
  event::Context context;
};

}  // namespace shrike::app
