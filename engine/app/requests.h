// SPDX-License-Identifier: Apache-2.0
// Requests carries questions to the engine's thread: whoever asks waits for the answer, the engine never waits for who asks.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

namespace shrike::app {

// What a verb of the control socket comes to.
struct Answer {
  int status = 200;     // of HTTP. 409: the answer is no; 503: nobody had time to answer
  nlohmann::json body;  // an object with "ok", and "message" for people
};
Answer refusal(int status, const std::string& message);

class Requests {
 public:
  static constexpr std::size_t kMost = 16;  // waiting at a time; more are told "busy"

  // Any thread but the engine's. Waits `patience` for the engine to begin; what has begun is waited for to its end, what has not
  // will never be done. `question` owns what it names.
  Answer ask(std::function<Answer()> question, std::chrono::milliseconds patience);

  // The engine's thread: answers all that wait.
  void serve();

  // Whoever waits, and whoever comes, is told that the daemon stops.
  void close();

  std::size_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct Request {
    enum class State { kWaiting, kRunning, kDone };
    std::function<Answer()> question;
    State state = State::kWaiting;
    Answer answer;
  };

  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Request>> waiting_;
  bool closed_ = false;
  std::atomic<bool> any_ = false;  // so that a turn of the engine without requests costs no lock
  std::atomic<std::size_t> refused_ = 0;
};

}  // namespace shrike::app
