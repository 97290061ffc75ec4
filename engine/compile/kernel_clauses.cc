// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/kernel_clauses.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace shrike::compile {
namespace {

using program::Operation;

// The condition at one hook. kRefused: can't be decided; it stands for either truth.
struct Tree {
  enum class Kind : std::uint8_t { kTrue, kFalse, kRefused, kCheck, kAnd, kOr, kNot };
  Kind kind = Kind::kTrue;
  std::shared_ptr<const KernelCheck> check;
  std::vector<Tree> children;
};

constexpr std::size_t kShownBytes = 400;  // of one literal

std::string shown(const std::string& text) {
  if (text.size() <= kShownBytes) return text;
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return text.substr(0, end) + "… (" + std::to_string(text.size()) + " bytes)";
}

Tree constant(bool value) { return {value ? Tree::Kind::kTrue : Tree::Kind::kFalse, {}, {}}; }

class TreeBuilder {
 public:
  explicit TreeBuilder(OperationClauses& out) : out_(out) {}

  Tree build(const lang::Expr& expr, bool negated, bool inside_negated) {
    return std::visit(lang::Overload{
                          [&](const lang::And& n) { return group(n.operands, Tree::Kind::kAnd, inside_negated != negated); },
                          [&](const lang::Or& n) { return group(n.operands, Tree::Kind::kOr, inside_negated != negated); },
                          [&](const lang::Not& n) { return invert(build(*n.operand, !negated, inside_negated)); },
                          [&](const lang::MacroRef&) { return Tree{Tree::Kind::kRefused, {}, {}}; },  // expanded before
                          [&](const lang::Compare&) { return check(expr, {out_.operation, negated, inside_negated}); },
                      },
                      expr.node);
  }

 private:
  static Tree invert(Tree tree) {
    if (tree.kind == Tree::Kind::kTrue) return constant(false);
    if (tree.kind == Tree::Kind::kFalse) return constant(true);
    if (tree.kind == Tree::Kind::kRefused) return tree;
    Tree out{Tree::Kind::kNot, {}, {}};
    out.children.push_back(std::move(tree));
    return out;
  }

  // What stands beside a check that settles the group is never asked, be it decidable or not.
  Tree group(const std::vector<lang::ExprPtr>& operands, Tree::Kind kind, bool inside_negated) {
    const Tree::Kind neutral = kind == Tree::Kind::kAnd ? Tree::Kind::kTrue : Tree::Kind::kFalse;
    const std::size_t problems = out_.problems.size();
    const std::size_t assumed = out_.assumed.size();
    Tree out{kind, {}, {}};
    for (const lang::ExprPtr& operand : operands) {
      Tree child = build(*operand, false, inside_negated);
      if (child.kind == neutral) continue;
      if (child.kind == Tree::Kind::kTrue || child.kind == Tree::Kind::kFalse) {
        out_.problems.erase(out_.problems.begin() + static_cast<std::ptrdiff_t>(problems), out_.problems.end());
        out_.assumed.resize(assumed);
        return child;
      }
      out.children.push_back(std::move(child));
    }
    if (out.children.empty()) return constant(neutral == Tree::Kind::kTrue);
    if (out.children.size() == 1) return Tree(std::move(out.children.front()));
    return out;
  }

  Tree check(const lang::Expr& expr, const Stand& stand) {
    auto judgement = judge(expr, stand);
    if (!judgement) {
      out_.problems.push_back({std::move(judgement).error(), expr.source});
      return {Tree::Kind::kRefused, {}, {}};
    }
    if (const auto* known = std::get_if<Known>(&*judgement)) {
      if (known->assumed) out_.assumed.push_back((stand.negated ? "not " : "") + lang::dump(expr));
      return constant(known->value);
    }
    return {Tree::Kind::kCheck, std::get<std::shared_ptr<const KernelCheck>>(*std::move(judgement)), {}};
  }

  OperationClauses& out_;
};

// Alternatives of one literal: below the first it keeps each check with its place, above the second it is refused, as the time to
// index it grows with the square.
constexpr std::size_t kManyTerms = 64;
constexpr std::size_t kMaxTerms = 4096;

bool is_equality(const KernelTerm& term) {
  const program::Predicate& predicate = term.check->predicate;
  return !term.negated && std::holds_alternative<program::Texts>(predicate.constants) &&
         (predicate.op == program::Op::kEqual || predicate.op == program::Op::kIn);
}

// `x = a or x = b or …` as `x in (a, b, …)`.
void merge_equalities(std::vector<KernelTerm>& terms) {
  std::map<std::string, std::shared_ptr<KernelCheck>> merged;  // by field
  std::vector<KernelTerm> out;
  for (KernelTerm& term : terms) {
    if (!is_equality(term)) {
      out.push_back(std::move(term));
      continue;
    }
    std::shared_ptr<KernelCheck>& into = merged[term.check->use.text()];
    if (into == nullptr) {
      into = std::make_shared<KernelCheck>(*term.check);
      into->predicate.op = program::Op::kIn;
      out.push_back({into, false});
      continue;
    }
    const auto& texts = std::get<program::Texts>(term.check->predicate.constants);
    auto& all = std::get<program::Texts>(into->predicate.constants);
    all.insert(all.end(), texts.begin(), texts.end());
    into->keys.insert(into->keys.end(), term.check->keys.begin(), term.check->keys.end());
  }
  for (auto& [field, check] : merged) std::ranges::sort(std::get<program::Texts>(check->predicate.constants));
  terms = std::move(out);
}

KernelLiteralPtr make_literal(std::vector<KernelTerm> terms) {
  auto literal = std::make_shared<KernelLiteral>();
  std::set<std::string> known;
  for (KernelTerm& term : terms) {
    const auto [text, added] = known.insert(term.text());
    if (!added) continue;
    literal->text += (literal->any.empty() ? "" : " or ") + *text;
    literal->any.push_back(std::move(term));
  }
  if (literal->any.size() > 1) literal->text = '(' + literal->text + ')';
  if (literal->any.size() > kManyTerms) merge_equalities(literal->any);
  return literal;
}

// Negation normal form: literals joined by and, or. An And without children is true, an Or without any false.
struct Formula {
  enum class Kind : std::uint8_t { kLiteral, kAnd, kOr };
  Kind kind = Kind::kAnd;
  KernelLiteralPtr literal;
  std::vector<Formula> children;
};

// An Or in which alternatives on one field are one literal. Of a field with several sources: those that are not negated.
Formula any_of(std::vector<Formula> children) {
  Formula out{Formula::Kind::kOr, {}, {}};
  std::array<std::vector<KernelTerm>, program::kKernelFields> merged;
  std::array<std::optional<std::size_t>, program::kKernelFields> places;
  const auto add = [&](Formula child) {
    if (child.kind != Formula::Kind::kLiteral || (has_many_sources(child.literal->field()) && child.literal->negated())) {
      out.children.push_back(std::move(child));
      return;
    }
    const auto field = static_cast<std::size_t>(child.literal->field());
    merged[field].insert(merged[field].end(), child.literal->any.begin(), child.literal->any.end());
    if (places[field]) return;
    places[field] = out.children.size();
    out.children.push_back(std::move(child));
  };
  for (Formula& child : children) {
    if (child.kind != Formula::Kind::kOr) {
      add(std::move(child));
      continue;
    }
    for (Formula& grandchild : child.children) add(std::move(grandchild));
  }
  for (std::size_t field = 0; field < merged.size(); ++field) {
    if (places[field] && merged[field].size() > 1) out.children[*places[field]].literal = make_literal(std::move(merged[field]));
  }
  if (out.children.size() == 1) return Formula(std::move(out.children.front()));
  return out;
}

Formula normal_form(const Tree& tree, bool negated) {
  switch (tree.kind) {
    case Tree::Kind::kTrue:
    case Tree::Kind::kFalse:
    case Tree::Kind::kRefused:
      return {(tree.kind == Tree::Kind::kFalse) == negated ? Formula::Kind::kAnd : Formula::Kind::kOr, {}, {}};
    case Tree::Kind::kCheck:
      return {Formula::Kind::kLiteral, make_literal({{tree.check, negated != tree.check->inverted}}), {}};
    case Tree::Kind::kNot:
      return normal_form(tree.children.front(), !negated);
    case Tree::Kind::kAnd:
    case Tree::Kind::kOr:
      break;
  }
  std::vector<Formula> children;
  children.reserve(tree.children.size());
  for (const Tree& child : tree.children) children.push_back(normal_form(child, negated));
  if ((tree.kind == Tree::Kind::kOr) != negated) return any_of(std::move(children));
  return {Formula::Kind::kAnd, {}, std::move(children)};
}

// How many clauses the formula's disjunctive normal form has; saturated.
std::uint64_t count(const Formula& formula) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  if (formula.kind == Formula::Kind::kLiteral) return 1;
  std::uint64_t total = formula.kind == Formula::Kind::kAnd ? 1 : 0;
  for (const Formula& child : formula.children) {
    const std::uint64_t one = count(child);
    if (formula.kind == Formula::Kind::kOr) {
      total = total > kMost - one ? kMost : total + one;
    } else {
      total = one != 0 && total > kMost / one ? kMost : total * one;
    }
  }
  return total;
}

void add_literal(KernelClause& clause, const KernelLiteralPtr& literal) {
  const auto same = [&](const KernelLiteralPtr& known) { return known == literal || known->text == literal->text; };
  if (std::ranges::none_of(clause.all, same)) clause.all.push_back(literal);
}

void add_literals(KernelClause& clause, const KernelClause& more) {
  for (const KernelLiteralPtr& literal : more.all) add_literal(clause, literal);
}

// (a or b) and (c or d): every pair.
std::vector<KernelClause> distribute(std::vector<KernelClause> left, std::vector<KernelClause> right) {
  if (left.size() == 1 && left.front().all.empty()) return right;
  if (right.size() == 1) {
    for (KernelClause& clause : left) add_literals(clause, right.front());
    return left;
  }
  std::vector<KernelClause> product;
  product.reserve(left.size() * right.size());
  for (const KernelClause& one : left) {
    for (const KernelClause& other : right) add_literals(product.emplace_back(one), other);
  }
  return product;
}

// Call only where count() is small.
std::vector<KernelClause> expand_clauses(const Formula& formula) {
  std::vector<KernelClause> out;
  switch (formula.kind) {
    case Formula::Kind::kLiteral:
      out.push_back({{formula.literal}});
      break;
    case Formula::Kind::kOr:
      for (const Formula& child : formula.children) {
        for (KernelClause& clause : expand_clauses(child)) out.push_back(std::move(clause));
      }
      break;
    case Formula::Kind::kAnd:
      out.emplace_back();
      for (const Formula& child : formula.children) out = distribute(std::move(out), expand_clauses(child));
      break;
  }
  return out;
}

// --- literals of one field with several sources

bool holds(const KernelLiteral& literal, const std::string& text) {
  return std::ranges::any_of(literal.any,
                             [&](const KernelTerm& term) { return term.check->holds(event::Value(text)) != term.negated; });
}

// Does every text that satisfies `a` satisfy `b`?
bool implies(const KernelLiteral& a, const KernelLiteral& b) {
  std::set<std::string> keys;
  for (const KernelLiteral* literal : {&a, &b}) {
    for (const KernelTerm& term : literal->any) keys.insert(term.check->keys.begin(), term.check->keys.end());
  }
  std::size_t longest = 0;
  for (const std::string& key : keys) longest = std::max(longest, key.size());
  return std::ranges::all_of(keys, [&](const std::string& key) {
    const std::string text = sample_of(key, longest);
    return !holds(a, text) || holds(b, text);
  });
}

// Leaves one literal that is not negated per such field, or says which are in each other's way: each could be satisfied by
// another source, and one vector can't tell.
std::optional<LocatedProblem> reduce(KernelClause& clause) {
  for (std::size_t i = 0; i < clause.all.size(); ++i) {
    if (!has_many_sources(clause.all[i]->field()) || clause.all[i]->negated()) continue;
    for (std::size_t k = i + 1; k < clause.all.size();) {
      if (clause.all[k]->field() != clause.all[i]->field() || clause.all[k]->negated()) {
        ++k;
        continue;
      }
      const bool narrower = implies(*clause.all[k], *clause.all[i]);
      if (!narrower && !implies(*clause.all[i], *clause.all[k])) {
        const KernelCheck& check = *clause.all[k]->any.front().check;
        return LocatedProblem{
            {Problem::Kind::kOther,
             "the kernel can't decide \"" + shown(clause.all[i]->text) + "\" and \"" + shown(clause.all[k]->text) + "\" together",
             "one check of " + check.use.text() + " and any number of negated ones; for one of several: " + check.use.text() +
                 " in (…)",
             check.span},
            check.source};
      }
      if (narrower) clause.all[i] = clause.all[k];
      clause.all.erase(clause.all.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
  return std::nullopt;
}

// --- units

// A part of a tree, with the parity of the negations around it.
struct Part {
  const Tree* tree = nullptr;
  bool negated = false;

  bool is(Tree::Kind kind) const {
    return tree->kind == (negated ? (kind == Tree::Kind::kAnd ? Tree::Kind::kOr : Tree::Kind::kAnd) : kind);
  }
};

Part without_not(Part part) {
  while (part.tree->kind == Tree::Kind::kNot) part = {&part.tree->children.front(), !part.negated};
  return part;
}

// The operands of nested groups of one kind, as one group.
void flatten(Part part, Tree::Kind kind, std::vector<Part>& out) {
  part = without_not(part);
  if (!part.is(kind)) {
    out.push_back(part);
    return;
  }
  for (const Tree& child : part.tree->children) flatten({&child, part.negated}, kind, out);
}

struct UnitFormula {
  Formula positive;
  std::vector<Formula> vetoes;
};

// One operand of the topmost `or`.
UnitFormula unit_formula(const Part& alternative) {
  UnitFormula out{{Formula::Kind::kAnd, {}, {}}, {}};
  std::vector<Part> operands;
  flatten(alternative, Tree::Kind::kAnd, operands);
  for (const Part& operand : operands) {
    Formula formula = normal_form(*operand.tree, operand.negated);
    const bool excepts = operand.negated && operand.tree->kind == Tree::Kind::kAnd && formula.kind != Formula::Kind::kLiteral;
    if (excepts) {
      out.vetoes.push_back(normal_form(*operand.tree, false));
    } else {
      out.positive.children.push_back(std::move(formula));
    }
  }
  return out;
}

// Alternatives without vetoes share a unit, in front.
std::vector<UnitFormula> unit_formulas(const Tree& tree) {
  std::vector<Part> alternatives;
  flatten({&tree, false}, Tree::Kind::kOr, alternatives);
  std::vector<Formula> plain;
  std::vector<UnitFormula> units;
  for (const Part& alternative : alternatives) {
    UnitFormula unit = unit_formula(alternative);
    if (!unit.vetoes.empty()) {
      units.push_back(std::move(unit));
    } else if (unit.positive.children.size() == 1) {
      plain.push_back(std::move(unit.positive.children.front()));
    } else {
      plain.push_back(std::move(unit.positive));
    }
  }
  if (!plain.empty()) units.insert(units.begin(), UnitFormula{any_of(std::move(plain)), {}});
  return units;
}

class UnitExpander {
 public:
  explicit UnitExpander(OperationClauses& out) : out_(out) {}

  void run(const Tree& tree) {
    const std::vector<UnitFormula> formulas = unit_formulas(tree);
    for (const UnitFormula& formula : formulas) {
      grow(count(formula.positive));
      for (const Formula& veto : formula.vetoes) grow(count(veto));
    }
    if (out_.size > program::kMaxClauses) return;
    for (const UnitFormula& formula : formulas) {
      KernelUnit unit;
      for (const Formula& veto : formula.vetoes) add(unit.vetoes, veto);
      add(unit.clauses, formula.positive);
      if (!unit.clauses.empty()) out_.units.push_back(std::move(unit));
    }
    out_.size = 0;
    for (const KernelUnit& unit : out_.units) out_.size += unit.size();
    if (!out_.problems.empty()) out_.units.clear();
  }

 private:
  void grow(std::uint64_t more) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    out_.size = out_.size > kMost - more ? kMost : out_.size + more;
  }

  static std::optional<LocatedProblem> too_long(const KernelClause& clause) {
    for (const KernelLiteralPtr& literal : clause.all) {
      if (literal->any.size() <= kMaxTerms) continue;
      const KernelCheck& check = *literal->any.front().check;
      return LocatedProblem{{Problem::Kind::kOther,
                             std::to_string(literal->any.size()) + " checks of " + check.use.text() +
                                 " joined by or are more than the " + std::to_string(kMaxTerms) + " the kernel's compiler takes",
                             "list their values in one check", check.span},
                            check.source};
    }
    return std::nullopt;
  }

  // Clauses that say the same are one.
  void add(std::vector<KernelClause>& to, const Formula& formula) {
    std::set<std::set<std::string_view>> known;  // borrowed from literals, which clauses share
    const auto identity = [](const KernelClause& clause) {
      std::set<std::string_view> texts;
      for (const KernelLiteralPtr& literal : clause.all) texts.insert(literal->text);
      return texts;
    };
    for (const KernelClause& clause : to) known.insert(identity(clause));
    for (KernelClause& clause : expand_clauses(formula)) {
      auto problem = too_long(clause);
      if (!problem) problem = reduce(clause);
      if (problem) {
        out_.problems.push_back(*std::move(problem));
      } else if (known.insert(identity(clause)).second) {  // a duplicate's views die with it, but are not kept either
        to.push_back(std::move(clause));
      }
    }
  }

  OperationClauses& out_;
};

}  // namespace

std::string KernelTerm::text() const { return (negated != check->inverted ? "not " : "") + check->text; }

std::string KernelClause::text(Operation operation) const {
  if (all.empty()) return "every " + std::string(spelling(operation));
  std::string text;
  for (const KernelLiteralPtr& literal : all) text += (text.empty() ? "" : " and ") + shown(literal->text);
  return text;
}

OperationClauses clauses_of(const lang::Expr& condition, Operation operation) {
  OperationClauses out;
  out.operation = operation;
  const Tree tree = TreeBuilder(out).build(condition, false, false);
  std::ranges::sort(out.assumed);
  const auto rest = std::ranges::unique(out.assumed);
  out.assumed.erase(rest.begin(), rest.end());
  if (!out.problems.empty() || tree.kind == Tree::Kind::kFalse) return out;
  UnitExpander(out).run(tree);
  return out;
}

std::string other_text(std::size_t longest) { return std::string(longest + 1, '~'); }

std::string sample_of(const std::string& key, std::size_t longest) {
  return key.size() > 1 && key.ends_with('/') ? key + other_text(longest) : key;
}

}  // namespace shrike::compile
