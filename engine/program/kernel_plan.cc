// SPDX-License-Identifier: Apache-2.0
#include "engine/program/kernel_plan.h"

namespace shrike::program {
namespace {

// "0-3 7", "all", or "none".
std::string bits(const ClauseSet& set, std::size_t clauses) {
  if (set.none()) return "none";
  if (set.count() == clauses) return "all";
  std::string text;
  for (std::size_t i = 0; i < clauses; ++i) {
    if (!set.test(i)) continue;
    std::size_t last = i;
    while (last + 1 < clauses && set.test(last + 1)) ++last;
    text += (text.empty() ? "" : " ") + std::to_string(i) + (last == i ? "" : '-' + std::to_string(last));
    i = last;
  }
  return text;
}

std::string number_text(const KernelPlan::Range& range) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  const std::size_t bytes = range.field == KernelField::kUid ? 4 : range.field == KernelField::kPort ? 2 : 16;
  for (std::size_t i = 0; i < bytes; ++i) {
    text += kDigits[range.number[i] >> 4U];
    text += kDigits[range.number[i] & 0xfU];
  }
  return text + '/' + std::to_string(range.bits);
}

}  // namespace

std::string_view spelling(Operation operation) {
  static constexpr std::string_view kNames[] = {"exec", "open", "connect", "send", "bind"};
  return kNames[static_cast<std::size_t>(operation)];
}

std::string_view spelling(KernelField field) {
  static constexpr std::string_view kNames[] = {"exepath", "name", "pname",    "aname",   "uid",  "cgroup",  "container",
                                                "access",  "path", "filename", "address", "port", "protocol"};
  return kNames[static_cast<std::size_t>(field)];
}

std::string KernelPlan::dump() const {
  std::string out;
  const auto vector = [&](const ClauseVector& v) {
    const std::string plus = bits(v.plus, clauses.size());
    const std::string minus = bits(v.minus, clauses.size());
    return ": " + plus + (minus == "all" ? "" : " minus " + minus) + '\n';
  };
  for (std::size_t i = 0; i < rules.size(); ++i) {
    out += "rule " + std::to_string(i) + ": program rule " + std::to_string(rules[i].rule) +
           (rules[i].kill ? " kill" : " block") + (rules[i].enforce ? " enforce\n" : " monitor\n");
  }
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    const Clause& clause = clauses[i];
    out += "clause " + std::to_string(i) + ": rule " + std::to_string(clause.rule) + " unit " + std::to_string(clause.unit) +
           ' ' + std::string(spelling(clause.operation)) + (clause.veto ? " veto " : " ") + clause.text + '\n';
  }
  for (std::size_t i = 0; i < kOperations; ++i) {
    if (operation[i].any())
      out += std::string(spelling(static_cast<Operation>(i))) + ": " + bits(operation[i], clauses.size()) + '\n';
  }
  for (std::size_t i = 0; i < kKernelFields; ++i) {
    if (!fields.test(i)) continue;
    const std::string name(spelling(static_cast<KernelField>(i)));
    out += name + " otherwise" + vector(otherwise[i]);
    if (absent[i] != otherwise[i]) out += name + " absent" + vector(absent[i]);
    for (const Text& text : texts) {
      if (text.field == static_cast<KernelField>(i)) out += name + " \"" + text.text + '"' + vector(text.vector);
    }
    for (const Range& range : ranges) {
      if (range.field == static_cast<KernelField>(i)) out += name + ' ' + number_text(range) + vector(range.vector);
    }
    for (const Value& value : values) {
      if (value.field == static_cast<KernelField>(i))
        out += name + " value " + std::to_string(value.value) + vector(value.vector);
    }
  }
  return out;
}

}  // namespace shrike::program
