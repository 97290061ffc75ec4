// SPDX-License-Identifier: Apache-2.0
// AlertSink is where alerts go; implemented in outputs/.
#pragma once

#include "engine/act/alert.h"
#include "engine/base/result.h"

namespace shrike::act {

class AlertSink {
 public:
  virtual ~AlertSink() = default;
  // An error means the alert did not arrive; the caller counts it.
  virtual Result<void> write(const Alert& alert) = 0;
  // Everything written so far leaves the process.
  virtual Result<void> flush() = 0;
  // Whatever it writes to may have been moved away: look it up again. On error it goes on as it was.
  virtual Result<void> reopen() = 0;
};

}  // namespace shrike::act
