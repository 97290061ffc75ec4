// SPDX-License-Identifier: Apache-2.0
// Makes the sinks a configuration asks for.
#pragma once

#include <memory>
#include <vector>

#include "engine/app/config.h"
#include "outputs/fan_out.h"

namespace shrike::app {

// All sinks of the configuration but standard output and file_output, which the engine's thread writes itself. Their threads hold
// no capabilities, and no system calls beyond the daemon's list; those that start a program keep the calls. Errors: what can't be
// made of the options, with the sink's name.
Result<std::unique_ptr<outputs::FanOut>> make_sinks(const Config& config, bool json, const outputs::FormatOptions& format);

// Some sink's encoding reads act::Alert::facts.
bool wants_facts(const Config& config, bool json);

// Of one sink; without its threads.
Result<std::unique_ptr<outputs::Destination>> make_destination(const SinkConfig& sink, outputs::Encoding encoding);

}  // namespace shrike::app
