// SPDX-License-Identifier: Apache-2.0
// Notifier tells systemd how the daemon is (sd_notify(3)): nothing where nobody asked, that is without NOTIFY_SOCKET.
#pragma once

#include <cstdint>
#include <string>

namespace shrike::app {

class Notifier {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  Notifier();

  void ready(const std::string& status) const;
  void reloading() const;
  void stopping() const;
  // The loop has turned: tells the watchdog, at half of its time.
  void turned(std::uint64_t now_ns);

 private:
  void send(const std::string& state) const;

  bool asked_ = false;
  std::uint64_t every_ns_ = 0;  // 0: no watchdog
  std::uint64_t told_ns_ = 0;
};

}  // namespace shrike::app
