// SPDX-License-Identifier: Apache-2.0
// MetricsServer answers GET /metrics and GET /healthz over HTTP, where the configuration says so; loopback unless it says else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/app/requests.h"
#include "engine/base/result.h"

namespace shrike::app {

// "127.0.0.1:9376", "[::1]:9376".
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  bool loopback = false;
};
std::optional<ListenAddress> parse_listen(const std::string& text);

class MetricsServer {
 public:
  struct Parts {
    std::function<Result<std::string>()> metrics;        // any thread; the text
    std::function<std::optional<std::string>()> ailing;  // any thread; why the daemon is not healthy
  };
  // Errors: kSystem if nobody can listen there.
  static Result<std::unique_ptr<MetricsServer>> open(const ListenAddress& address, Parts parts);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

 private:
  struct State;
  explicit MetricsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shrike::app
