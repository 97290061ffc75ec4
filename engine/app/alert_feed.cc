// SPDX-License-Identifier: Apache-2.0
#include "engine/app/alert_feed.h"

#include <utility>
#include <variant>

#include "engine/app/event_line.h"
#include "engine/compile/compile.h"
#include "engine/lang/rule_file.h"

namespace shrike::app {
namespace {

Given given(const act::FieldValue& value) {
  struct Visitor {
    Given::Data operator()(std::monostate) const { return std::monostate{}; }
    Given::Data operator()(bool flag) const { return flag; }
    Given::Data operator()(std::int64_t number) const {  // as JSON is read: a sign only where one is needed
      if (number >= 0) return static_cast<std::uint64_t>(number);
      return number;
    }
    Given::Data operator()(std::uint64_t number) const { return number; }
    Given::Data operator()(double number) const { return number; }
    Given::Data operator()(const std::string& text) const { return text; }
    Given::Data operator()(const std::vector<std::string>& texts) const {
      Given::List list;
      for (const std::string& text : texts) list.push_back({text});
      return list;
    }
  };
  return {std::visit(Visitor{}, value)};
}

}  // namespace

AlertFeed::Next AlertFeed::Looker::next(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return !waiting_.empty() || closed_; });
  Next next;
  if (!waiting_.empty()) {
    next.alert = std::move(waiting_.front());
    waiting_.pop_front();
  } else {
    next.closed = closed_;
  }
  next.lost = std::exchange(lost_, 0);
  return next;
}

// Of those who have let go. Under the lock.
void AlertFeed::bury() {
  std::erase_if(lookers_, [](const auto& one) { return one.expired(); });
  count_ = lookers_.size();
}

std::size_t AlertFeed::lookers() {
  const std::scoped_lock lock(mutex_);
  bury();
  return lookers_.size();
}

void AlertFeed::publish(const act::Alert& alert) {
  if (count_.load(std::memory_order_relaxed) == 0) return;
  const auto copy = std::make_shared<const act::Alert>(alert);
  const std::scoped_lock lock(mutex_);
  bury();
  for (const auto& one : lookers_) {
    const auto looker = one.lock();
    if (looker == nullptr) continue;
    const std::scoped_lock of_looker(looker->mutex_);
    if (looker->waiting_.size() < kWaitingMost) {
      looker->waiting_.push_back(copy);
    } else {
      ++looker->lost_;
      ++lost_;
    }
    looker->changed_.notify_one();
  }
}

void AlertFeed::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  for (const auto& one : lookers_) {
    const auto looker = one.lock();
    if (looker == nullptr) continue;
    const std::scoped_lock of_looker(looker->mutex_);
    looker->closed_ = true;
    looker->changed_.notify_one();
  }
}

std::shared_ptr<AlertFeed::Looker> AlertFeed::look() {
  const std::scoped_lock lock(mutex_);
  bury();
  if (lookers_.size() >= kLookersMost || closed_) return nullptr;
  auto looker = std::make_shared<Looker>();
  lookers_.push_back(looker);
  count_ = lookers_.size();
  return looker;
}

std::unique_ptr<AlertCondition> AlertCondition::compile(const std::string& expression, lang::Diagnostics& diagnostics) {
  const auto file = std::make_shared<const lang::SourceFile>(lang::SourceFile{"condition", expression});
  lang::RuleSet set;
  lang::Rule& rule = set.rules.emplace_back();
  rule.name = "tail";
  rule.desc = "what `shrike tail` shows";
  rule.condition = lang::SourceText(expression, file, 0);
  rule.output = lang::SourceText::generated("fits", file, 0);
  rule.warn_evttypes = false;
  rule.file = file;
  program::Program program = compile::compile(set, {.suggested_output = false, .normal_forms = false}, diagnostics);
  if (diagnostics.has_errors() || program.rules.empty()) return nullptr;
  program.index_rules();
  return std::unique_ptr<AlertCondition>(new AlertCondition(std::move(program)));
}

AlertCondition::AlertCondition(program::Program program)
    : program_(std::move(program)), world_(""), matcher_(program_, world_.context) {}

bool AlertCondition::holds(const act::Alert& alert) {
  event_.clear();
  world_.context.hostname = alert.hostname;
  event_.set_time(alert.time_ns);
  // One by one: what is no field, or stands there already, is of no account.
  const auto add = [&](const std::pair<std::string, act::FieldValue>& field) {
    [[maybe_unused]] const auto taken = fill(event_, {{.key = field.first, .offset = 0, .value = given(field.second)}});
  };
  for (const auto& field : alert.fields) add(field);
  for (const auto& field : alert.facts) add(field);
  return !matcher_.match(event_.event(), match::Matching::kFirst).empty();
}

}  // namespace shrike::app
