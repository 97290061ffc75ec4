// SPDX-License-Identifier: Apache-2.0
// A program that gets a line per message on its standard input; started without a shell, in a process group of its own, its
// standard output and error are /dev/null. Delivered is what it has read; what it then loses itself, nobody can tell.
#pragma once

#include <memory>

#include "engine/base/result.h"
#include "outputs/destination.h"
#include "outputs/options.h"

namespace shrike::outputs {

// Started with the first message, and again with the next after it has ended. What it has not read yet waits in its pipe and is
// not written twice. At the end it sees the end of its input; then SIGTERM, then SIGKILL. SIGPIPE must be ignored.
Result<std::unique_ptr<Destination>> make_program(const ProgramOptions& options);

}  // namespace shrike::outputs
