// SPDX-License-Identifier: Apache-2.0
#include "outputs/sink.h"

#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "engine/base/clock.h"

namespace shrike::outputs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kAlertsAtOnce = 256;
constexpr std::size_t kMostMemoryBytes = std::size_t{16} << 20U;  // of messages' bodies, where there is no spool
constexpr milliseconds kSyncEvery{500};
constexpr seconds kSpoolTryEvery{1};
constexpr seconds kExpireEvery{60};
constexpr seconds kLossReportEvery{10};
constexpr seconds kFailingNoticeEvery{60};
constexpr std::size_t kMostNotices = 64;

constexpr std::array<std::string_view, static_cast<std::size_t>(Loss::kCount)> kLossSpellings = {
    "queue full", "memory full", "spool full", "too old", "damaged", "no dead letter", "stopped"};
constexpr std::array<std::string_view, kPriorities> kPriorityNames = {"emergency", "alert",  "critical",      "error",
                                                                      "warning",   "notice", "informational", "debug"};

std::function<double()> jitter() {
  return [engine = std::mt19937_64(std::random_device()())]() mutable {
    return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
  };
}

bool matches(const std::vector<std::string>& patterns, const std::string& name) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

// Signals are for the thread that waits for them.
void name_thread(std::string name) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  static constexpr std::size_t kMostNameBytes = 15;
  if (name.size() > kMostNameBytes) name.resize(kMostNameBytes);
  pthread_setname_np(pthread_self(), name.c_str());
}

std::string count_of(std::uint64_t count) { return std::to_string(count) + (count == 1 ? " alert" : " alerts"); }

}  // namespace

std::string_view spelling(Loss loss) { return kLossSpellings[static_cast<std::size_t>(loss)]; }

std::uint64_t SinkStatus::lost_sum() const {
  std::uint64_t sum = 0;
  for (const PerPriority& of : lost) {
    for (const std::uint64_t count : of) sum += count;
  }
  return sum;
}

Message make_message(const act::Alert& alert, const Encoder& encoder) {
  Message message{.id = alert.id,
                  .time_ns = alert.time_ns,
                  .priority = std::min<std::uint8_t>(alert.priority, kPriorities - 1),
                  .rule = alert.rule,
                  .source = alert.source,
                  .host = alert.hostname,
                  .subject = "host",
                  .body = encoder.encode(alert)};
  for (const auto* fields : {&alert.fields, &alert.facts}) {
    const auto found = std::ranges::find(*fields, "container.id", &std::pair<std::string, act::FieldValue>::first);
    if (found == fields->end()) continue;
    if (const auto* id = std::get_if<std::string>(&found->second); id != nullptr && !id->empty()) message.subject = *id;
  }
  return message;
}

Sink::Sink(Parts parts)
    : options_(std::move(parts.options)),
      encoder_(std::move(parts.encoder)),
      destination_(std::move(parts.destination)),
      condition_(std::move(parts.condition)),
      limits_(destination_->limits()),
      described_(destination_->describe()),
      dead_(options_.spool.directory),
      summing_(options_.sum),
      backoff_(options_.retry, jitter()) {
  if (!options_.spool.directory.empty()) open_spool();
  delivering_ = std::jthread([this](const std::stop_token& stop) {
    name_thread("deliver:" + options_.name);
    deliver_all(stop);
  });
  taking_in_ = std::jthread([this] {
    name_thread("spool:" + options_.name);
    take_in();
  });
}

Sink::~Sink() { stop(Clock::now()); }

bool Sink::wants(const act::Alert& alert) {
  const SinkFilter& filter = options_.filter;
  const bool wanted = alert.priority <= filter.priority && (filter.rules.empty() || matches(filter.rules, alert.rule)) &&
                      (filter.tags.empty() || std::ranges::any_of(filter.tags,
                                                                  [&](const std::string& tag) {
                                                                    return std::ranges::find(alert.tags, tag) != alert.tags.end();
                                                                  })) &&
                      (!condition_ || condition_(alert));
  if (!wanted) filtered_.fetch_add(1, std::memory_order_relaxed);
  return wanted;
}

void Sink::offer(std::shared_ptr<const act::Alert> alert) {
  bool wake = false, stopped = false;
  std::optional<std::uint8_t> victim;
  const std::uint8_t priority = alert->priority;
  accepted_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(queue_mutex_);
    stopped = stopping_;
    if (stopped) {
      victim = priority;
    } else {
      queue_.push(priority, std::move(alert));
      if (queue_.size() > options_.queue_alerts) victim = queue_.evict()->first;
      wake = std::exchange(taking_in_idle_, false);
    }
  }
  if (wake) queue_filled_.notify_one();
  if (victim) lose(stopped ? Loss::kStop : Loss::kQueue, *victim);
}

void Sink::reopen() {
  {
    const std::lock_guard lock(store_mutex_);
    reopen_ = true;
  }
  stored_.notify_all();
}

void Sink::begin_stop() {
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  queue_filled_.notify_all();
}

void Sink::stop(Clock::time_point deadline) {
  begin_stop();
  const std::lock_guard stopping(stop_mutex_);
  if (!delivering_.joinable()) return;
  taking_in_.join();
  {
    std::unique_lock lock(store_mutex_);
    done_.wait_until(lock, deadline, [&] { return all_delivered_; });
  }
  delivering_.request_stop();
  delivering_.join();
  {
    const std::lock_guard lock(store_mutex_);
    for (std::size_t i = 0; i < window_.size(); ++i) {
      if (!flights_[i].position) lose(Loss::kStop, window_[i].priority);
    }
    while (!memory_.empty()) lose(Loss::kStop, memory_.pop().priority);
    in_window_memory_ = 0;
  }
  housekeeping(true);
  const std::lock_guard lock(store_mutex_);
  spool_.reset();
}

// ---- to the spool

void Sink::take_in() {
  std::vector<std::shared_ptr<const act::Alert>> alerts;
  while (true) {
    const bool more = wait_for_alerts(alerts);
    const auto now = Clock::now();
    for (const auto& sum : summing_.due(now)) store(*sum);
    for (auto& alert : alerts) {
      if (const auto out = summing_.add(std::move(alert), now)) {
        store(**out);
      } else {
        summed_.fetch_add(1, std::memory_order_relaxed);
      }
    }
    alerts.clear();
    housekeeping(false);
    if (!more) break;
  }
  for (const auto& sum : summing_.due(Clock::now(), true)) store(*sum);
  empty_memory();
  {
    const std::lock_guard lock(store_mutex_);
    all_taken_in_ = true;
  }
  stored_.notify_all();
}

// Waits for alerts, or for what housekeeping has to do. False: there are no more, and there will be none.
bool Sink::wait_for_alerts(std::vector<std::shared_ptr<const act::Alert>>& alerts) {
  const auto next_sum = summing_.next();
  std::unique_lock lock(queue_mutex_);
  if (queue_.empty() && !stopping_) {
    auto until = Clock::now() + kSyncEvery;
    if (next_sum) until = std::min(until, *next_sum);
    taking_in_idle_ = true;
    queue_filled_.wait_until(lock, until, [&] { return !queue_.empty() || stopping_; });
    taking_in_idle_ = false;
  }
  while (!queue_.empty() && alerts.size() < kAlertsAtOnce) alerts.push_back(queue_.pop());
  return !stopping_ || !queue_.empty();
}

void Sink::store(const act::Alert& alert) {
  Message message = make_message(alert, *encoder_);
  {
    const std::lock_guard lock(store_mutex_);
    if (!memory_.empty() || !append(message)) keep_in_memory(std::move(message));
  }
  stored_.notify_one();
}

void Sink::keep_in_memory(Message message) {
  memory_bytes_ += message.body.size();
  const std::uint8_t priority = message.priority;
  memory_.push(priority, std::move(message));
  while (memory_.size() > options_.queue_alerts || (memory_bytes_ > kMostMemoryBytes && memory_.size() > 1)) {
    const auto victim = memory_.evict();
    memory_bytes_ -= victim->second.body.size();
    lose(Loss::kMemory, victim->first);
  }
}

// With store_mutex_ held. False: there is no spool that would take it now.
bool Sink::append(const Message& message) {
  if (!spool_) return false;
  const auto appended = spool_->append(message, wall_time_ns());
  if (appended) {
    spool_works();
  } else if (appended.error().code == Code::kLimit) {
    rejected_.fetch_add(1, std::memory_order_relaxed);
    bury(message, 0, appended.error().message);
  } else {
    spool_failed(appended.error());
    return false;
  }
  return true;
}

void Sink::open_spool() {
  auto opened = Spool::open(options_.spool, wall_time_ns());
  if (!opened) {
    spool_failed(opened.error());
    return;
  }
  spool_ = std::move(*opened);
  spool_losses_seen_ = {};
  spool_works();
}

void Sink::spool_failed(const Error& error) {
  const auto now = Clock::now();
  spool_failed_ = true;
  next_spool_try_ = now + kSpoolTryEvery;
  if (spool_failure_told_ || now < next_spool_notice_) return;
  spool_failure_told_ = true;
  next_spool_notice_ = now + kFailingNoticeEvery;
  notify(SinkNotice::Kind::kSpoolFailed, error.message + "; alerts wait in memory, " + std::to_string(options_.queue_alerts) +
                                             " at most, until the spool can be written again");
}

void Sink::spool_works() {
  spool_failed_ = false;
  if (std::exchange(spool_failure_told_, false)) notify(SinkNotice::Kind::kSpoolRecovered, "the spool can be written again");
}

// What had to wait in memory into the spool, in order, as far as it takes it.
void Sink::empty_memory() {
  const std::lock_guard lock(store_mutex_);
  if (options_.spool.directory.empty()) return;
  if (!spool_) open_spool();
  while (!memory_.empty() && append(*memory_.front())) memory_bytes_ -= memory_.pop().body.size();
}

void Sink::housekeeping(bool last) {
  const auto now = Clock::now();
  std::vector<UniqueFd> unsynced;
  std::vector<std::string> reports;
  bool try_spool = false;
  {
    const std::lock_guard lock(store_mutex_);
    try_spool = (spool_failed_ || !memory_.empty()) && now >= next_spool_try_;
    if (spool_) {
      if (now >= next_expiry_) {
        next_expiry_ = now + kExpireEvery;
        spool_->expire(wall_time_ns());
      }
      if (last || now >= next_sync_) {
        next_sync_ = now + kSyncEvery;
        unsynced = spool_->take_unsynced();
      }
      reports = spool_->take_reports();
      const Spool::Losses& losses = spool_->losses();
      for (std::size_t priority = 0; priority < kPriorities; ++priority) {
        const auto at = static_cast<std::uint8_t>(priority);
        lose(Loss::kSpool, at, losses.evicted[priority] - spool_losses_seen_.evicted[priority]);
        lose(Loss::kAge, at, losses.expired[priority] - spool_losses_seen_.expired[priority]);
        lose(Loss::kDamage, at, losses.damaged[priority] - spool_losses_seen_.damaged[priority]);
      }
      spool_losses_seen_ = losses;
    }
  }
  for (const UniqueFd& fd : unsynced) {
    if (fdatasync(fd.get()) != 0 && errno != EROFS) reports.push_back(system_error("write the spool to the disk", errno).message);
  }
  for (std::string& report : reports) notify(SinkNotice::Kind::kDamage, std::move(report));
  if (try_spool && !last) empty_memory();
  report_losses(last);
}

void Sink::report_losses(bool last) {
  const auto now = Clock::now();
  if (!last && now < next_loss_report_) return;
  std::uint64_t sum = 0;
  std::string reasons;
  PerPriority by_priority{};
  for (std::size_t loss = 0; loss < lost_.size(); ++loss) {
    std::uint64_t of_loss = 0;
    for (std::size_t priority = 0; priority < kPriorities; ++priority) {
      const std::uint64_t count = lost_[loss][priority].load(std::memory_order_relaxed);
      const std::uint64_t fresh = count - std::exchange(losses_reported_[loss][priority], count);
      of_loss += fresh;
      by_priority[priority] += fresh;
    }
    if (of_loss == 0) continue;
    reasons += (reasons.empty() ? "" : ", ") + std::string(kLossSpellings[loss]) + " (" + std::to_string(of_loss) + ')';
    sum += of_loss;
  }
  if (sum == 0) return;
  next_loss_report_ = now + kLossReportEvery;
  std::vector<std::pair<std::string, act::FieldValue>> fields;
  for (std::size_t priority = 0; priority < kPriorities; ++priority) {
    if (by_priority[priority] != 0) fields.emplace_back("lost." + std::string(kPriorityNames[priority]), by_priority[priority]);
  }
  notify(SinkNotice::Kind::kLost, count_of(sum) + (sum == 1 ? " was lost: " : " were lost: ") + reasons, std::move(fields));
}

// ---- from the spool

void Sink::deliver_all(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::unique_lock lock(store_mutex_);
    if (std::exchange(reopen_, false)) {
      lock.unlock();
      destination_->reopen();
      continue;
    }
    fill_window();
    if (window_.empty()) {
      if (all_taken_in_) break;
      stored_.wait(lock, stop, [&] { return reopen_ || all_taken_in_ || !memory_.empty() || (spool_ && spool_->unread() != 0); });
      continue;
    }
    if (!wait_for_work(lock, stop)) continue;
    lock.unlock();
    deliver_window(stop);
  }
  {
    const std::lock_guard lock(store_mutex_);
    all_delivered_ = true;
  }
  done_.notify_all();
}

// Waits until the backoff allows the next attempt; false: look again first. When the sink is told to stop there is one attempt at
// once.
bool Sink::wait_for_work(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
  if (Clock::now() >= backoff_.next()) return true;
  const bool was_taken_in = all_taken_in_;
  const bool woken = stored_.wait_until(lock, stop, backoff_.next(), [&] { return reopen_ || all_taken_in_ != was_taken_in; });
  if (stop.stop_requested() || reopen_) return false;
  if (woken) return true;
  return Clock::now() >= backoff_.next();
}

// With store_mutex_ held.
void Sink::fill_window() {
  const auto add = [&](Message message, std::optional<Spool::Position> position) {
    window_bytes_ += message.body.size();
    window_.push_back(std::move(message));
    flights_.push_back({position, 0});
  };
  const std::size_t most = std::max<std::size_t>(limits_.messages, 1);
  const auto has_room = [&] { return window_.empty() || (window_.size() < most && window_bytes_ < limits_.bytes); };
  if (spool_ && has_room()) {
    const std::size_t bytes = limits_.bytes - std::min(limits_.bytes, window_bytes_);
    for (Spool::Entry& entry : spool_->read(most - window_.size(), bytes)) add(std::move(entry.message), entry.position);
  }
  if (spool_ && spool_->unread() != 0) return;
  while (!memory_.empty() && has_room()) {
    if (!window_.empty() && window_bytes_ + memory_.front()->body.size() > limits_.bytes) break;
    Message message = memory_.pop();
    memory_bytes_ -= message.body.size();
    in_window_memory_.fetch_add(1, std::memory_order_relaxed);
    add(std::move(message), std::nullopt);
  }
}

void Sink::deliver_window(const std::stop_token& stop) {
  // What was refilled behind messages to be repeated may be more than the destination takes at once.
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (count < window_.size() && count < std::max<std::size_t>(limits_.messages, 1)) {
    bytes += window_[count].body.size();
    if (count != 0 && bytes > limits_.bytes) break;
    ++count;
  }
  Delivery delivery = destination_->deliver(std::span(window_).first(count), stop);
  delivery.outcomes.resize(count, Outcome{Fate::kRetry, "the destination said nothing of it"});

  std::vector<Spool::Position> done;
  std::size_t delivered = 0, failed = 0, rejected = 0, retried = 0, kept = 0;
  std::string failure, rejection;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    Flight& flight = flights_[i];
    bool keep = true;
    if (i < count) {
      const Outcome& outcome = delivery.outcomes[i];
      ++flight.attempts;
      const bool too_often =
          outcome.fate == Fate::kRetry && options_.retry.max_attempts != 0 && flight.attempts >= options_.retry.max_attempts;
      keep = outcome.fate == Fate::kRetry && !too_often;
      if (outcome.fate == Fate::kRetry) {
        ++failed;
        failure = outcome.reason;
      }
      if (outcome.fate == Fate::kDelivered) {
        ++delivered;
      } else if (keep) {
        ++retried;
      } else {
        ++rejected;
        rejection = outcome.reason;
        const std::lock_guard lock(store_mutex_);
        bury(window_[i], flight.attempts, outcome.reason);
      }
    }
    if (keep) {
      if (kept != i) {
        window_[kept] = std::move(window_[i]);
        flights_[kept] = flight;
      }
      ++kept;
      continue;
    }
    window_bytes_ -= window_[i].body.size();
    if (flight.position) {
      done.push_back(*flight.position);
    } else {
      in_window_memory_.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  window_.resize(kept);
  flights_.resize(kept);
  if (!done.empty()) {
    const std::lock_guard lock(store_mutex_);
    if (spool_) spool_->acknowledge(done);
  }
  delivered_.fetch_add(delivered, std::memory_order_relaxed);
  retried_.fetch_add(retried, std::memory_order_relaxed);
  rejected_.fetch_add(rejected, std::memory_order_relaxed);

  // Where some went through it is not down, and the wait starts from its beginning.
  if (failed == 0 || delivered != 0) backoff_.succeeded();
  if (failed != 0) backoff_.failed(Clock::now(), delivery.retry_after);
  note_attempt(delivered != 0, failed != 0 ? &failure : nullptr, rejected != 0 ? &rejection : nullptr);
}

// With store_mutex_ held.
void Sink::bury(Message message, std::uint32_t attempts, const std::string& reason) {
  const std::uint8_t priority = message.priority;
  if (options_.spool.directory.empty()) {
    lose(Loss::kDeadLetter, priority);
    return;
  }
  const std::uint64_t lost_before = dead_.lost();
  const auto added = dead_.add({std::move(message), wall_time_ns(), attempts, reason});
  if (!added) {
    lose(Loss::kDeadLetter, priority);
    notify(SinkNotice::Kind::kRejected, "a dead letter could not be kept: " + added.error().message);
  }
  // Their priorities are not known any more.
  if (dead_.lost() != lost_before) lose(Loss::kDeadLetter, kPriorities - 1, dead_.lost() - lost_before);
}

// `failure`: why something was not delivered and may be yet; `rejection`: why something was not and never will be.
void Sink::note_attempt(bool delivered, const std::string* failure, const std::string* rejection) {
  const auto now = Clock::now();
  {
    const std::lock_guard lock(status_mutex_);
    failing_ = failure != nullptr;
    if (delivered) last_success_ns_ = wall_time_ns();
    if (const std::string* error = failure != nullptr ? failure : rejection; error != nullptr) last_error_ = *error;
    wait_ = backoff_.wait();
  }
  if (failure != nullptr) {
    if (failing_since_ == Clock::time_point{}) failing_since_ = now;
    if (!failing_told_ && now >= next_failing_notice_) {
      failing_told_ = true;
      next_failing_notice_ = now + kFailingNoticeEvery;
      notify(SinkNotice::Kind::kFailing, described_ + " does not take alerts: " + *failure + "; they wait and are tried again");
    }
  } else if (failing_since_ != Clock::time_point{}) {
    const auto outage = std::chrono::duration_cast<seconds>(now - failing_since_);
    failing_since_ = {};
    if (std::exchange(failing_told_, false))
      notify(SinkNotice::Kind::kRecovered, described_ + " takes alerts again, after " + std::to_string(outage.count()) + " s");
  }
  if (rejection == nullptr || now < next_rejected_notice_) return;
  next_rejected_notice_ = now + kFailingNoticeEvery;
  const std::uint64_t all = rejected_.load(std::memory_order_relaxed);
  const std::uint64_t fresh = all - std::exchange(rejected_told_, all);
  notify(SinkNotice::Kind::kRejected,
         described_ + " rejected " + count_of(fresh) + ": " + *rejection +
             (options_.spool.directory.empty() ? "; without a spool they are not kept"
                                               : "; kept in " + options_.spool.directory + "/dead.jsonl"));
}

// ---- seen from outside

void Sink::lose(Loss loss, std::uint8_t priority, std::uint64_t count) {
  lost_[static_cast<std::size_t>(loss)][std::min<std::size_t>(priority, kPriorities - 1)].fetch_add(count,
                                                                                                    std::memory_order_relaxed);
}

void Sink::notify(SinkNotice::Kind kind, std::string text, std::vector<std::pair<std::string, act::FieldValue>> fields) {
  const std::lock_guard lock(status_mutex_);
  // Nobody took them for long: what is counted is in the status all the same.
  if (notices_.size() >= kMostNotices) notices_.erase(notices_.begin());
  fields.emplace(fields.begin(), "sink", options_.name);
  notices_.push_back({kind, options_.name, "sink " + options_.name + ": " + std::move(text), std::move(fields)});
}

std::vector<SinkNotice> Sink::take_notices() {
  const std::lock_guard lock(status_mutex_);
  return std::exchange(notices_, {});
}

SinkStatus Sink::status() const {
  SinkStatus status;
  status.name = options_.name;
  status.destination = described_;
  status.filtered = filtered_.load(std::memory_order_relaxed);
  status.accepted = accepted_.load(std::memory_order_relaxed);
  status.summed = summed_.load(std::memory_order_relaxed);
  status.delivered = delivered_.load(std::memory_order_relaxed);
  status.retried = retried_.load(std::memory_order_relaxed);
  status.rejected = rejected_.load(std::memory_order_relaxed);
  status.replayed = replayed_.load(std::memory_order_relaxed);
  for (std::size_t loss = 0; loss < lost_.size(); ++loss) {
    for (std::size_t priority = 0; priority < kPriorities; ++priority) {
      status.lost[loss][priority] = lost_[loss][priority].load(std::memory_order_relaxed);
    }
  }
  {
    const std::lock_guard lock(queue_mutex_);
    status.queued = queue_.size();
  }
  {
    const std::lock_guard lock(store_mutex_);
    status.queued += memory_.size() + in_window_memory_.load(std::memory_order_relaxed);
    status.spool_failed = spool_failed_;
    if (spool_) {
      status.spooled = spool_->messages();
      status.spool_bytes = spool_->bytes();
    }
  }
  const std::lock_guard lock(status_mutex_);
  status.failing = failing_;
  status.last_success_ns = last_success_ns_;
  status.backoff = wait_;
  status.last_error = last_error_;
  return status;
}

Result<Replayed> Sink::replay_dead_letters() {
  const std::lock_guard lock(store_mutex_);
  if (!spool_) return fail(Code::kInvalid, "sink " + options_.name + " has no spool, and so no dead letters");
  auto replayed = outputs::replay_dead_letters(*spool_, dead_, wall_time_ns());
  if (replayed) replayed_.fetch_add(replayed->messages, std::memory_order_relaxed);
  stored_.notify_one();
  return replayed;
}

}  // namespace shrike::outputs
