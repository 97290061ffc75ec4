// SPDX-License-Identifier: Apache-2.0
// Sink is the way of alerts to one destination: filter → queue → sum, encode, spool → deliver, each as slow as it likes without
// holding up the engine or another sink. Two threads: one takes alerts from the queue to the spool, the other from the spool to
// the destination, so that a destination that hangs does not fill the queue.
//
// At least once: what the spool has taken is delivered, rejected into the dead letters, or counted in SinkStatus::lost. Without a
// spool (none configured, or the file system refuses) messages wait in memory, bounded, and end with the process.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/act/alert.h"
#include "engine/base/result.h"
#include "outputs/dead_letters.h"
#include "outputs/destination.h"
#include "outputs/encode/encoder.h"
#include "outputs/options.h"
#include "outputs/priority_queue.h"
#include "outputs/retry.h"
#include "outputs/spool.h"
#include "outputs/spool_verbs.h"
#include "outputs/summing.h"

namespace shrike::outputs {

// Why alerts were lost.
enum class Loss : std::uint8_t {
  kQueue,       // more came than could be written to the spool
  kMemory,      // no spool, and no more room in memory
  kSpool,       // the spool was full
  kAge,         // older than the spool's max_age
  kDamage,      // in the spool, as far as it can be counted
  kDeadLetter,  // rejected, and not kept as a dead letter
  kStop,        // in memory when the sink was stopped
  kCount
};
std::string_view spelling(Loss loss);  // "queue full"

struct SinkStatus {
  std::string name, destination;
  std::uint64_t filtered = 0;   // not for this sink
  std::uint64_t accepted = 0;   // for it: the ones below, and what is on its way
  std::uint64_t summed = 0;     // went out as part of a sum
  std::uint64_t delivered = 0;  // messages: a sum is one
  std::uint64_t retried = 0;    // attempts that are to be repeated, per message
  std::uint64_t rejected = 0;   // by the destination, or too often tried
  std::uint64_t replayed = 0;   // dead letters put back
  std::array<PerPriority, static_cast<std::size_t>(Loss::kCount)> lost{};
  std::uint64_t queued = 0;   // in memory, not yet in the spool, or in place of it
  std::uint64_t spooled = 0;  // messages in the spool, the ones being delivered too
  std::uint64_t spool_bytes = 0;
  bool spool_failed = false;             // it is configured, and can't be written
  bool failing = false;                  // the last attempt did not deliver all
  std::uint64_t last_success_ns = 0;     // epoch; 0: never
  std::chrono::milliseconds backoff{0};  // the current wait
  std::string last_error;                // of the destination

  std::uint64_t lost_sum() const;
};

// Something about the sink that people should hear of: a line for the log, and an internal alert unless only_log.
struct SinkNotice {
  enum class Kind : std::uint8_t { kFailing, kRecovered, kLost, kDamage, kSpoolFailed, kSpoolRecovered, kRejected };
  Kind kind = Kind::kFailing;
  std::string sink;
  std::string text;  // "sink siem: 12 alerts were lost: spool full (12)"
  std::vector<std::pair<std::string, act::FieldValue>> fields;
};

class Sink {
 public:
  using Clock = std::chrono::steady_clock;
  struct Parts {
    SinkOptions options;
    std::unique_ptr<Encoder> encoder;
    std::unique_ptr<Destination> destination;
    // Beside options.filter, asked on the engine's thread.
    std::function<bool(const act::Alert&)> condition = {};
  };

  // Starts the threads. A spool that can't be opened is a notice, and tried again.
  explicit Sink(Parts parts);
  // stop() without patience.
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  const std::string& name() const { return options_.name; }
  // The filter. Counts what it refuses.
  bool wants(const act::Alert& alert);
  // Into the queue; never waits for more than a few instructions of the sink's thread. For alerts it wants.
  void offer(std::shared_ptr<const act::Alert> alert);

  // What is read and written to may have been moved away: the destination looks it up again, on its thread.
  void reopen();
  // Nothing more is taken; what is there goes on being delivered. Does not wait.
  void begin_stop();
  // Waits until all is delivered or the deadline has come; the rest stays in the spool.
  void stop(Clock::time_point deadline);

  // Any thread.
  SinkStatus status() const;
  std::vector<SinkNotice> take_notices();
  Result<Replayed> replay_dead_letters();

 private:
  struct Flight {
    std::optional<Spool::Position> position;  // nothing: it was in memory
    std::uint32_t attempts = 0;
  };
  using Counter = std::atomic<std::uint64_t>;

  // The thread to the spool.
  void take_in();
  bool wait_for_alerts(std::vector<std::shared_ptr<const act::Alert>>& alerts);
  void store(const act::Alert& alert);
  bool append(const Message& message);
  void keep_in_memory(Message message);
  void open_spool();
  void spool_failed(const Error& error);
  void spool_works();
  void empty_memory();
  void housekeeping(bool last);
  void report_losses(bool last);

  // The thread from the spool.
  void deliver_all(const std::stop_token& stop);
  void fill_window();
  void deliver_window(const std::stop_token& stop);
  void bury(Message message, std::uint32_t attempts, const std::string& reason);
  void note_attempt(bool delivered, const std::string* failure, const std::string* rejection);
  bool wait_for_work(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);

  void notify(SinkNotice::Kind kind, std::string text, std::vector<std::pair<std::string, act::FieldValue>> fields = {});
  void lose(Loss loss, std::uint8_t priority, std::uint64_t count = 1);

  const SinkOptions options_;
  const std::unique_ptr<Encoder> encoder_;
  const std::unique_ptr<Destination> destination_;
  const std::function<bool(const act::Alert&)> condition_;
  const Destination::Limits limits_;
  const std::string described_;

  // Alerts on their way to the spool.
  mutable std::mutex queue_mutex_;
  std::condition_variable queue_filled_;
  PriorityQueue<std::shared_ptr<const act::Alert>> queue_;
  bool stopping_ = false;
  bool taking_in_idle_ = false;

  // Messages on their way to the destination: those in the spool are older than those in memory.
  mutable std::mutex store_mutex_;
  std::condition_variable_any stored_;
  std::unique_ptr<Spool> spool_;
  PriorityQueue<Message> memory_;
  std::size_t memory_bytes_ = 0;
  bool spool_failed_ = false;
  bool all_taken_in_ = false;  // nothing more will come
  bool all_delivered_ = false;
  bool reopen_ = false;
  std::condition_variable_any done_;
  DeadLetters dead_;

  // Of the first thread alone.
  Summing summing_;
  bool spool_failure_told_ = false;
  Clock::time_point next_spool_try_{}, next_spool_notice_{}, next_sync_{}, next_expiry_{}, next_loss_report_{};
  Spool::Losses spool_losses_seen_;
  std::array<PerPriority, static_cast<std::size_t>(Loss::kCount)> losses_reported_{};

  // Of the second thread alone: taken from the spool or memory, in order.
  std::vector<Message> window_;
  std::vector<Flight> flights_;
  std::size_t window_bytes_ = 0;
  Backoff backoff_;
  Clock::time_point failing_since_{}, next_failing_notice_{}, next_rejected_notice_{};
  bool failing_told_ = false;
  std::uint64_t rejected_told_ = 0;

  Counter filtered_{0}, accepted_{0}, summed_{0}, delivered_{0}, retried_{0}, rejected_{0}, replayed_{0}, in_window_memory_{0};
  std::array<std::array<Counter, kPriorities>, static_cast<std::size_t>(Loss::kCount)> lost_{};

  mutable std::mutex status_mutex_;
  bool failing_ = false;
  std::uint64_t last_success_ns_ = 0;
  std::chrono::milliseconds wait_{0};
  std::string last_error_;
  std::vector<SinkNotice> notices_;

  std::mutex stop_mutex_;
  std::jthread delivering_, taking_in_;
};

// The alert in the encoding, with what transports may need beside it.
Message make_message(const act::Alert& alert, const Encoder& encoder);

}  // namespace shrike::outputs
