// SPDX-License-Identifier: Apache-2.0
#include "engine/app/notify.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <systemd/sd-daemon.h>

#include "engine/base/clock.h"

namespace shrike::app {

Notifier::Notifier() {
  asked_ = std::getenv("NOTIFY_SOCKET") != nullptr;  // NOLINT(concurrency-mt-unsafe): before any thread
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) > 0) every_ns_ = microseconds * 1'000 / 2;
}

void Notifier::send(const std::string& state) const {
  if (asked_) (void)sd_notify(0, state.c_str());  // who asked and does not listen misses it
}

void Notifier::ready(const std::string& status) const {
  std::string line = status;
  std::ranges::replace(line, '\n', ' ');
  send("READY=1\nSTATUS=" + line);
}

void Notifier::reloading() const {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(read_clock_ns(CLOCK_MONOTONIC) / 1'000) + "\nSTATUS=reading the rules");
}

void Notifier::stopping() const { send("STOPPING=1\nSTATUS=draining"); }

void Notifier::turned(std::uint64_t now_ns) {
  if (every_ns_ == 0 || now_ns - told_ns_ < every_ns_) return;
  told_ns_ = now_ns;
  send("WATCHDOG=1");
}

}  // namespace shrike::app
