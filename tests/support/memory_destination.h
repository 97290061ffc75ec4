// SPDX-License-Identifier: Apache-2.0
// A destination that keeps what it is given, and does what the test tells it to.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "outputs/destination.h"

namespace shrike::test {

// Shared by the test and the destination, which the sink owns.
class Inbox {
 public:
  using Decide = std::function<outputs::Outcome(const outputs::Message&)>;

  // What becomes of each message from now on; nothing: delivered.
  void decide(Decide decide) {
    const std::lock_guard lock(mutex_);
    decide_ = std::move(decide);
  }
  void down() {
    decide([](const outputs::Message&) { return outputs::Outcome{outputs::Fate::kRetry, "503 Service Unavailable"}; });
  }
  void up() { decide({}); }
  // deliver() hangs until it is told to stop, or this ends.
  void hang(bool on) {
    const std::lock_guard lock(mutex_);
    hanging_ = on;
    changed_.notify_all();
  }

  std::vector<outputs::Message> delivered() const {
    const std::lock_guard lock(mutex_);
    return delivered_;
  }
  std::size_t attempts() const {
    const std::lock_guard lock(mutex_);
    return batches_.size();
  }
  std::vector<std::vector<std::string>> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  int reopened() const {
    const std::lock_guard lock(mutex_);
    return reopened_;
  }
  template <class Until>
  bool wait(Until until, std::chrono::seconds patience = std::chrono::seconds(30)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return until(delivered_, batches_.size()); });
  }
  bool wait_for(std::size_t count, std::chrono::seconds patience = std::chrono::seconds(30)) {
    return wait([&](const auto& delivered, std::size_t) { return delivered.size() >= count; }, patience);
  }
  bool wait_for_attempts(std::size_t count) {
    return wait([&](const auto&, std::size_t attempts) { return attempts >= count; });
  }

 private:
  friend class MemoryDestination;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Decide decide_;
  bool hanging_ = false;
  int reopened_ = 0;
  std::vector<outputs::Message> delivered_;
  std::vector<std::vector<std::string>> batches_;  // ids, of every attempt
};

class MemoryDestination final : public outputs::Destination {
 public:
  MemoryDestination(std::shared_ptr<Inbox> inbox, Limits limits) : inbox_(std::move(inbox)), limits_(limits) {}

  Limits limits() const override { return limits_; }
  outputs::Delivery deliver(std::span<const outputs::Message> messages, std::stop_token stop) override {
    std::unique_lock lock(inbox_->mutex_);
    inbox_->batches_.emplace_back();
    for (const outputs::Message& message : messages) inbox_->batches_.back().push_back(message.id);
    inbox_->changed_.notify_all();
    if (!inbox_->changed_.wait(lock, stop, [&] { return !inbox_->hanging_; }))
      return outputs::Delivery::all(messages.size(), outputs::Fate::kRetry, "stopped");
    outputs::Delivery delivery;
    for (const outputs::Message& message : messages) {
      delivery.outcomes.push_back(inbox_->decide_ ? inbox_->decide_(message) : outputs::Outcome{outputs::Fate::kDelivered, {}});
      if (delivery.outcomes.back().fate == outputs::Fate::kDelivered) inbox_->delivered_.push_back(message);
    }
    inbox_->changed_.notify_all();
    return delivery;
  }
  void reopen() override {
    const std::lock_guard lock(inbox_->mutex_);
    ++inbox_->reopened_;
    inbox_->changed_.notify_all();
  }
  std::string describe() const override { return "memory"; }

 private:
  std::shared_ptr<Inbox> inbox_;
  Limits limits_;
};

}  // namespace shrike::test
