// SPDX-License-Identifier: Apache-2.0
// From a condition to the clauses of one operation: checks are judged at its hook, what is known is folded, the rest becomes
// units of positive clauses minus vetoes (bpf/abi/policy.h). `and not (…)` at the top becomes vetoes; the rest disjunctive normal
// form. Alternatives on one field are one literal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/compile/kernel_check.h"

namespace shrike::compile {

// A predicate, or its negation.
struct KernelTerm {
  std::shared_ptr<const KernelCheck> check;
  bool negated = false;

  std::string text() const;  // as written
};

// Terms on one field of which one must hold. Of a field with several sources: predicates only, or one negation alone.
struct KernelLiteral {
  std::vector<KernelTerm> any;  // no two with the same text
  std::string text;             // as written; what makes two literals the same

  program::KernelField field() const { return any.front().check->field; }
  bool negated() const { return any.front().negated; }
};
using KernelLiteralPtr = std::shared_ptr<const KernelLiteral>;  // shared by the clauses a distributed condition becomes

struct KernelClause {
  std::vector<KernelLiteralPtr> all;  // of a field with several sources at most one that is not negated

  std::string text(program::Operation operation) const;  // for people: long lists are cut
};

struct KernelUnit {
  std::vector<KernelClause> vetoes, clauses;
  std::size_t size() const { return vetoes.size() + clauses.size(); }
};

struct LocatedProblem {
  Problem problem;
  std::uint32_t source = 0;
};

struct OperationClauses {
  program::Operation operation = program::Operation::kExec;
  std::vector<KernelUnit> units;         // none: it can't hold there, or see below
  std::uint64_t size = 0;                // clauses; above program::kMaxClauses `units` is empty
  std::vector<std::string> assumed;      // checks that are true because success is assumed
  std::vector<LocatedProblem> problems;  // what the kernel can't decide; then `units` is empty
};

OperationClauses clauses_of(const lang::Expr& condition, program::Operation operation);

// A text that satisfies just the predicates that `key` does: itself, or for a directory something below it that no key names.
// `longest` is the size of the longest key.
std::string sample_of(const std::string& key, std::size_t longest);

// Stands for every text no key names.
std::string other_text(std::size_t longest);

}  // namespace shrike::compile
