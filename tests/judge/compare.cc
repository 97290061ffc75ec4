// SPDX-License-Identifier: Apache-2.0
#include "tests/judge/compare.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/base/arena.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/parser.h"
#include "engine/lang/rule_file.h"

namespace shrike::judge {
namespace {

// Every slot's value, for a report.
std::string values(const program::Program& program, match::Matcher& matcher) {
  std::string out;
  for (std::uint32_t slot = 0; slot < program.slots.size(); ++slot) {
    const event::Value& value = matcher.value(slot);
    out += "  " + program.slot_text(slot) + " = " + (value.absent() ? "(absent)" : '"' + event::to_text(value) + '"');
    for (const event::Value& name : value.also) out += " also \"" + event::to_text(name) + '"';
    out += '\n';
  }
  return out;
}

// The file's lists and macros, and these rules.
std::string relevant(const std::string& yaml, const std::set<std::string>& rules) {
  std::string out;
  for (std::size_t at = 0; at < yaml.size();) {
    const std::size_t end = std::min(yaml.find("\n- ", at), yaml.size() - 1) + 1;
    const std::string item = yaml.substr(at, end - at);
    at = end;
    if (!item.starts_with("- rule: ") || rules.contains(item.substr(8, item.find('\n') - 8))) out += item;
  }
  return out;
}

}  // namespace

Trial::Trial(RuleFile file, const event::Context& context, Judge& judge)
    : file_(std::move(file)), context_(context), judge_(judge) {
  for (const PlainRule& rule : file_.rules) {
    auto parsed = lang::parse(rule.condition);
    if (!parsed) {
      error_ = rule.condition + "\n" + parsed.error().message;
      return;
    }
    conditions_.push_back(*std::move(parsed));
  }
  lang::RuleSet set;
  lang::Diagnostics diagnostics;
  lang::read_rule_file(std::make_shared<const lang::SourceFile>(lang::SourceFile{"t.yaml", file_.yaml}), set, diagnostics);
  if (!diagnostics.has_errors()) program_ = compile::compile(set, {.suggested_output = false}, diagnostics);
  for (const lang::Diagnostic& found : diagnostics.all()) {
    if (found.severity == lang::Severity::kError) error_ += lang::format(found) + '\n';
  }
  if (error_.empty() && program_.rules.size() != file_.rules.size()) error_ = "rules are missing\n";
  if (!error_.empty()) {
    error_ += file_.yaml;
    return;
  }
  matcher_ = std::make_unique<match::Matcher>(program_, context_);
}

std::string Trial::differ(const event::Event& event) {
  std::vector<std::uint32_t> expected;
  for (std::uint32_t rule = 0; rule < conditions_.size(); ++rule) {
    if (file_.rules[rule].enabled && judge_.holds(*conditions_[rule], event)) expected.push_back(rule);
  }
  pairs_ += conditions_.size();
  fired_ += expected.size();
  const auto first = matcher_->match(event, match::Matching::kFirst);
  const bool first_differs =
      first.size() != std::min<std::size_t>(expected.size(), 1) || (!first.empty() && first.front() != expected.front());
  const auto all = matcher_->match(event, match::Matching::kAll);
  std::string out;
  std::set<std::string> differing;
  for (std::uint32_t rule = 0; rule < conditions_.size(); ++rule) {
    const bool fires = std::ranges::find(all, rule) != all.end();
    const bool should = std::ranges::find(expected, rule) != expected.end();
    if (fires == should) continue;
    differing.insert(file_.rules[rule].name);
    out += file_.rules[rule].name + (should ? " does not fire, but " : " fires, but not ") + file_.rules[rule].condition +
           "\n  compiled: " + program_.rules[rule].condition + '\n';
  }
  if (out.empty() && !std::ranges::equal(all, expected)) out = "the order differs\n";
  if (out.empty() && first_differs) out = "matching: first names another rule\n";
  if (out.empty()) return out;
  return out + "event " + std::string(event::name(event.type)) + '\n' + values(program_, *matcher_) +
         relevant(file_.yaml, differing);
}

}  // namespace shrike::judge
