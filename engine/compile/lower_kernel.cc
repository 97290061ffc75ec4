// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/lower_kernel.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "engine/compile/event_set.h"
#include "engine/compile/kernel_index.h"

namespace shrike::compile {
namespace {

using event::EventSet;
using program::KernelField;
using program::KernelPlan;
using program::Operation;

constexpr std::size_t kManyEvents = 100;  // as compile.cc: such a rule names no event type
constexpr std::size_t kListedEvents = 8;
constexpr std::string_view kNameOperations =
    "operations are evt.type in (execve, execveat), evt.type in (open, openat, openat2), evt.type = connect, "
    "evt.type in (sendto, sendmsg, sendmmsg), evt.type = bind";

// Problems of one rule, each place once, though several operations may find it.
class Reporter {
 public:
  Reporter(const ExpandedSet& set, const ExpandedRule& rule, lang::Diagnostics& diagnostics)
      : set_(set), rule_(rule), diagnostics_(diagnostics) {}

  void error(std::uint32_t source, std::size_t offset, std::string message, std::string hint) {
    failed_ = true;
    add(lang::Severity::kError, source, offset, std::move(message), std::move(hint));
  }
  void error_at_rule(std::string message, std::string hint) {
    error(rule_.condition->source, rule_.condition->span.begin, std::move(message), std::move(hint));
  }
  void warn(std::uint32_t source, std::size_t offset, std::string message, std::string hint) {
    add(lang::Severity::kWarning, source, offset, std::move(message), std::move(hint));
  }
  void warn_at_rule(std::string message, std::string hint) {
    warn(rule_.condition->source, rule_.condition->span.begin, std::move(message), std::move(hint));
  }
  bool failed() const { return failed_; }
  std::string action() const { return std::string(lang::spelling(rule_.rule->action)); }

 private:
  void add(lang::Severity severity, std::uint32_t source, std::size_t offset, std::string message, std::string hint) {
    if (!known_.emplace(source, offset).second) return;
    const bool is_error = severity == lang::Severity::kError;
    if (set_.texts.at(source).item() != rule_.rule->name) message += " (" + action() + " rule \"" + rule_.rule->name + "\")";
    lang::Diagnostic found = diagnose(set_, source, offset, is_error ? "LOAD_ERR_COMPILE_CONDITION" : "LOAD_COMPILE_CONDITION",
                                      std::move(message), std::move(hint));
    found.severity = severity;
    diagnostics_.add(std::move(found));
  }

  const ExpandedSet& set_;
  const ExpandedRule& rule_;
  lang::Diagnostics& diagnostics_;
  std::set<std::pair<std::uint32_t, std::size_t>> known_;
  bool failed_ = false;
};

EventSet types_of_all_operations() {
  EventSet all;
  for (const Operation operation : kAllOperations) all |= event_set_of(operation);
  return all;
}

// The first check that names one of `types` as an event type.
const lang::Expr* first_that_names(const lang::Expr& expr, const EventSet& types) {
  const auto among = [&](const std::vector<lang::ExprPtr>& operands) -> const lang::Expr* {
    for (const lang::ExprPtr& operand : operands) {
      if (const lang::Expr* found = first_that_names(*operand, types)) return found;
    }
    return nullptr;
  };
  const auto names = [&](const lang::Literal& literal) {
    const auto type = event::find_event_type(literal.text);
    return type && types.test(event::index(*type));
  };
  return std::visit(lang::Overload{
                        [&](const lang::And& n) { return among(n.operands); },
                        [&](const lang::Or& n) { return among(n.operands); },
                        [&](const lang::Not& n) { return first_that_names(*n.operand, types); },
                        [&](const lang::MacroRef&) -> const lang::Expr* { return nullptr; },
                        [&](const lang::Compare& compare) -> const lang::Expr* {
                          const auto* field = std::get_if<lang::FieldRef>(&compare.left);
                          if (field == nullptr || (field->name != "evt.type" && field->name != "syscall.type")) return nullptr;
                          const auto* one = std::get_if<lang::Literal>(&compare.right);
                          const auto* many = std::get_if<std::vector<lang::Literal>>(&compare.right);
                          const bool named =
                              (one != nullptr && names(*one)) || (many != nullptr && std::ranges::any_of(*many, names));
                          return named ? &expr : nullptr;
                        },
                    },
                    expr.node);
}

std::string list_events(const EventSet& types) {
  std::string text;
  std::size_t count = 0;
  for (std::size_t type = 1; type < event::event_types().size(); ++type) {
    if (!types.test(type)) continue;
    if (++count > kListedEvents) return text + ", …";
    text += (text.empty() ? "" : ", ") + std::string(event::event_types()[type].name);
  }
  return text;
}

// Only what has an operation can be refused.
void check_events(const lang::Expr& condition, const EventSet& events, Reporter& report) {
  if (events.count() > kManyEvents) {
    report.error_at_rule("a " + report.action() + " rule must name its operations", std::string(kNameOperations));
    return;
  }
  const EventSet outside = events & ~types_of_all_operations();
  if (outside.none()) return;
  const lang::Expr* named = first_that_names(condition, outside);
  const lang::Expr& at = named == nullptr ? condition : *named;
  report.error(at.source, at.span.begin, "the kernel has no hook here to refuse " + list_events(outside),
               std::string(kNameOperations));
}

// --- exceptions by name

bool is_name(KernelField field) {
  return field == KernelField::kName || field == KernelField::kPname || field == KernelField::kAname;
}

bool is_negation(const KernelTerm& term) { return term.negated != (term.check->predicate.op == program::Op::kNotEqual); }

void warn_of_name(const KernelCheck& check, Reporter& report) {
  report.warn(check.source, check.span.begin, '"' + check.text + "\" excepts by a name any program can take",
              check.field == KernelField::kName ? "by its file: proc.exepath = /usr/sbin/sshd"
                                                : "add the program's own file: proc.exepath = /usr/sbin/sshd");
}

// A veto whose only program field is a name, or a negated name.
void warn_of_names(const OperationClauses& operation, Reporter& report) {
  for (const KernelUnit& unit : operation.units) {
    for (const KernelClause& veto : unit.vetoes) {
      const bool by_file = std::ranges::any_of(
          veto.all, [](const KernelLiteralPtr& l) { return l->field() == KernelField::kExepath && !l->negated(); });
      for (const KernelLiteralPtr& literal : veto.all) {
        for (const KernelTerm& term : literal->any) {
          if (!by_file && is_name(literal->field()) && !is_negation(term)) warn_of_name(*term.check, report);
        }
      }
    }
    for (const KernelClause& clause : unit.clauses) {
      for (const KernelLiteralPtr& literal : clause.all) {
        for (const KernelTerm& term : literal->any) {
          if (is_name(literal->field()) && is_negation(term)) warn_of_name(*term.check, report);
        }
      }
    }
  }
}

std::string cap_message(std::uint64_t size) {
  const bool saturated = size == std::numeric_limits<std::uint64_t>::max();
  return "becomes " + (saturated ? std::string("more than 10^19") : std::to_string(size)) +
         " clauses in the kernel, which holds " + std::to_string(program::kMaxClauses);
}

}  // namespace

std::optional<KernelRule> lower_rule(const ExpandedSet& set, const ExpandedRule& rule, std::size_t& clauses,
                                     lang::Diagnostics& diagnostics) {
  Reporter report(set, rule, diagnostics);
  KernelRule out{0, rule.rule->action == lang::Action::kKill, rule.rule->mode, {}};
  const EventSet events = infer_events(*rule.condition);
  check_events(*rule.condition, events, report);
  const bool named = events.count() <= kManyEvents;
  std::uint64_t size = 0;
  for (const Operation operation : kAllOperations) {
    if (!named || (events & event_set_of(operation)).none()) continue;
    OperationClauses lowered = clauses_of(*rule.condition, operation);
    for (LocatedProblem& found : lowered.problems)
      report.error(found.source, found.problem.span.begin, std::move(found.problem.message), std::move(found.problem.hint));
    if (size <= program::kMaxClauses) size = lowered.size > program::kMaxClauses ? lowered.size : size + lowered.size;
    warn_of_names(lowered, report);
    if (!lowered.units.empty()) out.operations.push_back(std::move(lowered));
  }
  if (size > program::kMaxClauses) {
    report.error_at_rule("this condition " + cap_message(size),
                         "list alternatives of one field in one check; split the rule; say less in nested `not (…)`");
  } else if (!report.failed()) {
    clauses += size;
    if (clauses > program::kMaxClauses) {
      report.error_at_rule("with this rule the block and kill rules together are too many: all of it " + cap_message(clauses),
                           "fewer alternatives in this rule or an earlier one");
    }
  }
  if (report.failed()) return std::nullopt;
  if (out.operations.empty() && events.any())
    report.warn_at_rule("this " + report.action() + " rule can never hold at a hook", "");
  return out;
}

HostMode effective_mode(const KernelRule& rule, HostMode host) {
  return rule.mode == lang::Mode::kMonitor ? std::min(host, HostMode::kMonitor) : host;
}

namespace {

// Can the clause hit sockets with an IP address only? Others pass no cgroup program.
bool needs_ip_address(const KernelClause& clause) {
  return std::ranges::any_of(clause.all, [](const KernelLiteralPtr& literal) {
    const KernelField field = literal->field();
    if (literal->negated()) return false;
    if (field == KernelField::kAddress || field == KernelField::kPort)
      return std::ranges::none_of(literal->any, &KernelTerm::negated);
    return field == KernelField::kProtocol && literal->text.find("<NA>") == std::string::npos &&
           literal->text.find("raw") == std::string::npos && std::ranges::none_of(literal->any, &KernelTerm::negated) &&
           literal->text.find("!=") == std::string::npos;
  });
}

bool is_of_ip_sockets(const OperationClauses& clauses) {
  return std::ranges::all_of(clauses.units,
                             [](const KernelUnit& unit) { return std::ranges::all_of(unit.clauses, needs_ip_address); });
}

}  // namespace

bool is_enforceable(const KernelRule& rule, event::Tier tier) {
  if (tier == event::Tier::kFull) return true;
  return std::ranges::all_of(rule.operations, [&](const OperationClauses& clauses) {
    const bool socket = clauses.operation != Operation::kExec && clauses.operation != Operation::kOpen;
    return socket ? is_of_ip_sockets(clauses) : rule.kill;
  });
}

std::string_view enforcement(const KernelRule& rule, const PlanOptions& options) {
  if (rule.operations.empty()) return "";
  if (!is_enforceable(rule, options.tier)) return "not enforced: tier";
  switch (effective_mode(rule, options.mode)) {
    case HostMode::kDetect:
      return "not enforced: mode";
    case HostMode::kMonitor:
      return "monitored";
    case HostMode::kEnforce:
      break;
  }
  return "enforced";
}

namespace {

class PlanBuilder {
 public:
  void add(const KernelRule& rule, bool enforce) {
    const auto index = static_cast<std::uint32_t>(plan_.rules.size());
    plan_.rules.push_back({rule.rule, rule.kill, enforce});
    for (const OperationClauses& operation : rule.operations) {
      for (const KernelUnit& unit : operation.units) {
        for (const KernelClause& veto : unit.vetoes) add_clause(index, operation.operation, veto, true);
        for (const KernelClause& clause : unit.clauses) add_clause(index, operation.operation, clause, false);
        ++units_;
      }
    }
  }

  KernelPlan take() {
    index_clauses(clauses_, plan_);
    return std::move(plan_);
  }

 private:
  void add_clause(std::uint32_t rule, Operation operation, const KernelClause& clause, bool veto) {
    plan_.operation[static_cast<std::size_t>(operation)].set(clauses_.size());
    plan_.clauses.push_back({rule, units_, operation, veto, clause.text(operation)});
    clauses_.push_back(&clause);
  }

  KernelPlan plan_;
  std::vector<const KernelClause*> clauses_;
  std::uint32_t units_ = 0;
};

}  // namespace

program::KernelPlan make_plan(const std::vector<KernelRule>& rules, const PlanOptions& options) {
  PlanBuilder builder;
  for (const KernelRule& rule : rules) {
    const std::string_view status = enforcement(rule, options);
    if (status == "enforced" || status == "monitored") builder.add(rule, status == "enforced");
  }
  return builder.take();
}

}  // namespace shrike::compile
