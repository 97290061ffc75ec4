// SPDX-License-Identifier: Apache-2.0
// A file that is appended to, or standard output: a line per message, one write per batch. Delivered is what the kernel has;
// a machine that loses its power may lose the last seconds.
#pragma once

#include <memory>

#include "engine/base/result.h"
#include "outputs/destination.h"
#include "outputs/options.h"

namespace shrike::outputs {

// Errors: kSystem, if the file can't be opened for a reason that will not pass (no directory, no permission). A full disk will.
// Rotation by time is at multiples of the interval, UTC; rotated files are compressed beside the work. SIGPIPE must be ignored.
Result<std::unique_ptr<Destination>> make_file(const FileOptions& options);

}  // namespace shrike::outputs
