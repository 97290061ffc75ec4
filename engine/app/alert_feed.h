// SPDX-License-Identifier: Apache-2.0
// AlertFeed hands alerts to whoever looks on (`shrike tail`). Who is slow loses alerts, and is told how many; nobody holds the
// engine.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/act/alert.h"
#include "engine/app/recorded_world.h"
#include "engine/event/recorded.h"
#include "engine/lang/diagnostic.h"
#include "engine/match/matcher.h"
#include "engine/program/program.h"

namespace shrike::app {

class AlertFeed {
 public:
  static constexpr std::size_t kWaitingMost = 1'024;  // alerts per looker-on
  static constexpr std::size_t kLookersMost = 8;

  struct Next {
    std::shared_ptr<const act::Alert> alert;  // null: none came in time
    std::uint64_t lost = 0;                   // before it, since last told
    bool closed = false;                      // there will be no more
  };
  class Looker {
   public:
    Next next(std::chrono::milliseconds patience);

   private:
    friend class AlertFeed;
    std::mutex mutex_;  // of all below
    std::condition_variable changed_;
    std::deque<std::shared_ptr<const act::Alert>> waiting_;
    std::uint64_t lost_ = 0;
    bool closed_ = false;
  };

  // The engine's thread; a copy only if somebody looks on.
  void publish(const act::Alert& alert);
  // Those who look on get what waits, and the end.
  void close();

  // Any thread. Null if there are kLookersMost. Whoever lets go of it looks on no more.
  std::shared_ptr<Looker> look();

  std::size_t lookers();
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  void bury();

  std::mutex mutex_;
  std::vector<std::weak_ptr<Looker>> lookers_;
  std::atomic<std::size_t> count_ = 0;  // at most so many: some may have gone
  std::atomic<std::uint64_t> lost_ = 0;
  bool closed_ = false;
};

// A condition of the rule language, asked about an alert: of its event it knows what the alert carries (output fields, facts),
// all else is absent.
class AlertCondition {
 public:
  // Null if the condition is not valid: `diagnostics` says why, its place as "condition:line:column".
  static std::unique_ptr<AlertCondition> compile(const std::string& expression, lang::Diagnostics& diagnostics);

  bool holds(const act::Alert& alert);

 private:
  explicit AlertCondition(program::Program program);

  program::Program program_;
  RecordedWorld world_;
  match::Matcher matcher_;
  event::RecordedEvent event_;
};

}  // namespace shrike::app
