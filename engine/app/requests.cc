// SPDX-License-Identifier: Apache-2.0
#include "engine/app/requests.h"

#include <algorithm>
#include <utility>

namespace shrike::app {

Answer refusal(int status, const std::string& message) { return {status, {{"ok", false}, {"message", message}}}; }

Answer Requests::ask(std::function<Answer()> question, std::chrono::milliseconds patience) {
  static constexpr int kUnavailable = 503;
  auto request = std::make_shared<Request>();
  request->question = std::move(question);
  std::unique_lock lock(mutex_);
  if (closed_) return refusal(kUnavailable, "the daemon is stopping");
  if (waiting_.size() >= kMost) {
    ++refused_;
    return refusal(kUnavailable, "busy: too many requests at a time");
  }
  waiting_.push_back(request);
  any_.store(true, std::memory_order_release);
  const auto begun = [&] { return request->state != Request::State::kWaiting; };
  if (!changed_.wait_for(lock, patience, begun)) {
    std::erase(waiting_, request);
    ++refused_;
    return refusal(kUnavailable, "busy: the engine does not answer");
  }
  changed_.wait(lock, [&] { return request->state == Request::State::kDone; });
  return std::move(request->answer);
}

void Requests::serve() {
  if (!any_.load(std::memory_order_acquire)) return;
  std::unique_lock lock(mutex_);
  while (!waiting_.empty()) {
    const std::shared_ptr<Request> request = std::move(waiting_.front());
    waiting_.pop_front();
    request->state = Request::State::kRunning;
    lock.unlock();
    changed_.notify_all();
    Answer answer = request->question();
    lock.lock();
    request->answer = std::move(answer);
    request->state = Request::State::kDone;
    changed_.notify_all();
  }
  any_.store(false, std::memory_order_release);
}

void Requests::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  for (const auto& request : waiting_) {
    request->answer = refusal(503, "the daemon is stopping");
    request->state = Request::State::kDone;
  }
  waiting_.clear();
  changed_.notify_all();
}

}  // namespace shrike::app
