// SPDX-License-Identifier: Apache-2.0
// ControlSocket is where `shrike status` and its kin ask the running daemon: HTTP over a unix socket, root only, threads of its
// own. What is about the engine's state is asked of the engine's thread.
//
//   GET  /v1/status                                          GET  /v1/tail?condition=…&priority=…&format=text|json
//   POST /v1/reload  /v1/confirm  /v1/rollback               POST /v1/mode?mode=…&confirm_within=SECONDS
//
// Answers are JSON objects with "ok" and, where there is something to say, "message" and "diagnostics". /v1/tail is a stream of
// lines, one per alert; an empty one now and then says that it lives.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/app/alert_feed.h"
#include "engine/app/requests.h"
#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "outputs/format.h"

namespace shrike::app {

class ControlSocket {
 public:
  // All called on the engine's thread.
  struct Verbs {
    std::function<Answer()> status, reload, confirm, rollback;
    std::function<Answer(const std::string& mode, std::optional<double> confirm_within_s)> mode;
  };
  struct Parts {
    Requests& requests;
    AlertFeed& feed;
    Verbs verbs;
    outputs::FormatOptions format;  // of tails; text or JSON is the client's choice
  };

  // Makes the socket, and its directory if need be; what a dead daemon left is replaced. Errors: kLimit for a path a socket can't
  // have; kInvalid if another daemon lives there, or if there is something else; kSystem.
  static Result<std::unique_ptr<ControlSocket>> open(const std::string& path, Parts parts);
  // Ends all conversations, and removes the socket.
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  // From now on clients are answered; those that came earlier have waited.
  void serve();

 private:
  class Server;
  ControlSocket(std::string path, UniqueFd lock, std::unique_ptr<Server> server);

  std::string path_;
  UniqueFd lock_;  // held for as long as we live: tells a live daemon's socket from a dead one's
  std::unique_ptr<Server> server_;
};

}  // namespace shrike::app
