// SPDX-License-Identifier: Apache-2.0
#include "engine/app/run_suite.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>

#include "engine/act/make_alert.h"
#include "engine/event/recorded.h"
#include "outputs/format.h"

namespace shrike::app {
namespace {

constexpr std::string_view kHostname = "localhost";  // the same wherever a suite runs

std::string quoted(std::string_view text) { return '"' + outputs::escape(text) + '"'; }

std::string array_text(const std::vector<std::string>& items) {
  std::string all;
  for (const std::string& item : items) all += (all.empty() ? "" : ", ") + quoted(item);
  return '[' + all + ']';
}

// A value of an alert, as JSON writes it.
std::string json_text(const act::FieldValue& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return event::to_text(event::Value(number)); }
    std::string operator()(const std::string& text) const { return quoted(text); }
    std::string operator()(const std::vector<std::string>& items) const { return array_text(items); }
  };
  return std::visit(Visitor{}, value);
}

// What was expected as JSON writes it, were it of `got`'s type.
std::string json_text(const ExpectedValue& expected, const act::FieldValue& got) {
  if (std::holds_alternative<std::monostate>(expected)) return "null";
  if (const auto* items = std::get_if<std::vector<std::string>>(&expected)) return array_text(*items);
  const bool is_text = std::holds_alternative<std::string>(got) || std::holds_alternative<std::monostate>(got);
  return is_text ? quoted(std::get<std::string>(expected)) : outputs::escape(std::get<std::string>(expected));
}

std::vector<Difference> differences(const ExpectedAlert& expected, const act::Alert& got) {
  std::vector<Difference> all;
  if (expected.verdict && *expected.verdict != got.verdict)
    all.push_back({expected.rule, "verdict", quoted(*expected.verdict), quoted(got.verdict)});
  for (const auto& [key, value] : expected.fields) {
    const auto found = std::ranges::find(got.fields, key, &std::pair<std::string, act::FieldValue>::first);
    const bool is_time = key == "evt.time";
    if (found == got.fields.end() && !is_time) {
      all.push_back({expected.rule, key, json_text(value, std::monostate{}), "nothing: the rule's output has no such field"});
      continue;
    }
    const act::FieldValue is = is_time ? act::FieldValue(got.time_ns) : found->second;
    std::string want = json_text(value, is);
    std::string have = json_text(is);
    if (want != have) all.push_back({expected.rule, key, std::move(want), std::move(have)});
  }
  return all;
}

int strength(std::string_view verdict) {
  static constexpr std::array<std::string_view, 5> kWeakestFirst = {"alert", "would_block", "would_kill", "blocked", "killed"};
  return static_cast<int>(std::ranges::find(kWeakestFirst, verdict) - kWeakestFirst.begin());
}

}  // namespace

SuiteRunner::SuiteRunner(const program::Program& program, match::Matching matching)
    : program_(program),
      matching_(matching),
      world_(std::make_unique<RecordedWorld>(std::string(kHostname))),
      matcher_(program, world_->context) {}

void SuiteRunner::hear(std::uint32_t rule, const event::Event& event, std::string_view verdict) {
  act::Alert alert = act::make_alert(program_, program_.rules[rule], event, world_->context,
                                     [&](std::uint32_t slot) -> const event::Value& { return matcher_.value(slot); });
  alert.verdict = verdict;
  heard_.push_back({std::move(alert)});
}

void SuiteRunner::hear(const event::Event& event) {
  const std::span<const std::uint32_t> holding = matcher_.match(event, match::Matching::kAll);
  const auto rule = [&](std::uint32_t index) -> const program::Rule& { return program_.rules[index]; };
  const auto enforces = [&](std::uint32_t index) { return rule(index).action != "alert" && rule(index).mode != "monitor"; };
  auto decider = std::ranges::find_if(holding, [&](std::uint32_t i) { return enforces(i) && rule(i).action == "kill"; });
  if (decider == holding.end()) decider = std::ranges::find_if(holding, enforces);
  bool alerted = false;
  for (auto at = holding.begin(); at != holding.end(); ++at) {
    if (rule(*at).action == "alert") {
      if (alerted && matching_ == match::Matching::kFirst) {
        masked_.push_back(*at);
      } else {
        hear(*at, event, "alert");
        alerted = true;
      }
    } else if (!enforces(*at)) {
      hear(*at, event, rule(*at).action == "kill" ? "would_kill" : "would_block");
    } else if (at == decider) {
      hear(*at, event, rule(*at).action == "kill" ? "killed" : "blocked");
    } else {
      outranked_.push_back(*at);
    }
  }
}

// Order does not matter. An expectation takes the first alert that fits it, the most exact one first; what is left is paired by
// the rule's name and differs.
void SuiteRunner::compare(const std::vector<ExpectedAlert>& expected, CaseResult& result) {
  std::vector<const ExpectedAlert*> open;
  open.reserve(expected.size());
  for (const ExpectedAlert& one : expected) open.push_back(&one);
  std::ranges::sort(open, {}, [](const ExpectedAlert* one) {
    return std::pair(-static_cast<std::ptrdiff_t>(one->fields.size() + (one->verdict ? 1 : 0)), one);
  });
  const auto take = [&](const ExpectedAlert& one, bool exactly) -> Heard* {
    for (Heard& heard : heard_) {
      if (heard.taken || heard.alert.rule != one.rule) continue;
      if (exactly && !differences(one, heard.alert).empty()) continue;
      heard.taken = true;
      return &heard;
    }
    return nullptr;
  };
  std::erase_if(open, [&](const ExpectedAlert* one) { return take(*one, true) != nullptr; });
  for (const ExpectedAlert* one : open) {
    if (const Heard* heard = take(*one, false)) {
      std::ranges::move(differences(*one, heard->alert), std::back_inserter(result.differences));
    } else {
      result.missing.push_back(one->rule);
    }
  }
  for (Heard& heard : heard_) {
    if (!heard.taken) result.unexpected.push_back(std::move(heard.alert));
  }
}

void SuiteRunner::explain(const std::string& name, const SuiteCase& one, CaseResult& result) const {
  const auto rule = std::ranges::find(program_.rules, name, &program::Rule::name);
  if (rule == program_.rules.end()) return;
  const auto index = static_cast<std::uint32_t>(rule - program_.rules.begin());
  const auto is_in = [&](const std::vector<std::uint32_t>& rules) { return std::ranges::find(rules, index) != rules.end(); };
  const auto note = [&](std::string text) {
    if (std::ranges::find(result.notes, text) == result.notes.end()) result.notes.push_back(std::move(text));
  };
  if (!rule->enabled) return note(quoted(name) + " is disabled");
  if (is_in(masked_))
    return note(quoted(name) +
                " holds, but an earlier rule alerts in its stead: matching is first (`matching: all` asks every rule)");
  if (is_in(outranked_)) return note(quoted(name) + " holds, but another rule decides");
  for (const std::vector<Member>& members : one.events) {
    event::RecordedEvent event;
    if (!fill(event, members)) continue;
    const event::EventType type = event.event().type;
    if (!rule->events.test(event::index(type)))
      note(quoted(name) + " is not asked about " + std::string(event::name(type)) + " events");
  }
}

CaseResult SuiteRunner::run(const SuiteCase& one) {
  CaseResult result;
  heard_.clear();
  masked_.clear();
  outranked_.clear();
  std::uint64_t number = 0;
  for (const std::vector<Member>& members : one.events) {
    event::RecordedEvent event;
    event.set_number(++number);
    if (!fill(event, members)) continue;  // read_suite has had it
    hear(event.event());
  }
  if (one.verdict) {
    std::string_view strongest = "alert";
    const Heard* by = nullptr;
    for (const Heard& heard : heard_) {
      if (by != nullptr && strength(heard.alert.verdict) <= strength(strongest)) continue;
      strongest = heard.alert.verdict;
      by = &heard;
    }
    if (strongest != *one.verdict)
      result.differences.push_back({by == nullptr ? "" : by->alert.rule, "verdict", quoted(*one.verdict),
                                    by == nullptr ? "nothing: no rule alerts" : quoted(strongest)});
  }
  if (one.alerts) compare(*one.alerts, result);
  for (const std::string& rule : result.missing) explain(rule, one, result);
  return result;
}

std::string to_text(const CaseResult& result) {
  std::string text;
  for (const std::string& rule : result.missing) text += "  missing alert: " + outputs::escape(rule) + '\n';
  for (const act::Alert& alert : result.unexpected)
    text += "  unexpected alert: " + outputs::escape(alert.rule + ": " + alert.message) + '\n';
  const Difference* before = nullptr;
  for (const Difference& one : result.differences) {
    if (before == nullptr || before->rule != one.rule)
      text += "  " + (one.rule.empty() ? "the case" : "alert of " + outputs::escape(one.rule)) + ", expected (-) and got (+):\n";
    text += "    - " + outputs::escape(one.field) + ": " + one.expected + '\n';
    text += "    + " + outputs::escape(one.field) + ": " + one.got + '\n';
    before = &one;
  }
  for (const std::string& note : result.notes) text += "  note: " + note + '\n';
  return text;
}

void check_rule_names(const Suite& suite, const program::Program& program, lang::Diagnostics& diagnostics) {
  std::vector<std::string_view> names;
  names.reserve(program.rules.size());
  for (const program::Rule& rule : program.rules) names.push_back(rule.name);
  for (const SuiteCase& one : suite.cases) {
    if (!one.alerts) continue;
    for (const ExpectedAlert& alert : *one.alerts) {
      if (std::ranges::find(names, alert.rule) != names.end()) continue;
      const std::string_view near = lang::nearest(alert.rule, names);
      diagnostics.add({lang::Severity::kError,
                       "TEST_SUITE",
                       "no rule of the name " + quoted(alert.rule),
                       near.empty() ? "" : "did you mean " + quoted(near) + "?",
                       alert.position,
                       {},
                       {}});
    }
  }
}

}  // namespace shrike::app
