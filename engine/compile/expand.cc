// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/expand.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace shrike::compile {
namespace {

using lang::Expr;
using lang::ExprPtr;

constexpr std::string_view kSyntax = "LOAD_ERR_COMPILE_CONDITION";
constexpr std::string_view kReference = "LOAD_ERR_VALIDATE";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_delimiter(char c) { return is_blank(c) || c == '(' || c == ')' || c == ',' || c == '='; }
bool is_quote(char c) { return c == '"' || c == '\''; }

// --- lists

// The lists of a set as text. An item that names a list stands for that list's items, to any depth; where that would go round
// in a circle (a list `ssh` with an item `ssh`) the item is plain text.
class ListTexts {
 public:
  explicit ListTexts(const std::vector<lang::List>& lists) : lists_(lists), resolved_(lists.size()), used_(lists.size()) {
    for (std::size_t i = 0; i < lists.size(); ++i) by_name_.emplace(lists[i].name, i);
    for (std::size_t i = 0; i < lists.size(); ++i) resolve(i, 0);
  }

  std::optional<std::size_t> find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? std::nullopt : std::optional(found->second);
  }

  void mark_used(std::size_t list) { used_[list] = true; }
  bool used(std::size_t list) const { return used_[list]; }

  // What the list costs to write out, known before it is done; at least its bytes, capped just above the bound.
  std::size_t cost(std::size_t list) const { return resolved_[list].cost; }

  // Adds the items, joined by ", ". Call only if cost() is within the bound.
  void add(std::size_t list, std::string& out) const {
    bool first = true;
    add_items(list, first, out);
  }

 private:
  struct Resolved {
    enum class State { kNew, kOpen, kDone };
    State state = State::kNew;
    std::vector<std::optional<std::size_t>> inner;  // per item, the list it stands for
    std::size_t cost = 0;
  };

  void resolve(std::size_t index, std::size_t depth) {
    Resolved& list = resolved_[index];
    if (list.state != Resolved::State::kNew) return;
    list.state = Resolved::State::kOpen;
    list.inner.resize(lists_[index].items.size());
    for (std::size_t i = 0; i < list.inner.size(); ++i) {
      const std::string& item = lists_[index].items[i];
      const auto inner = find(item);
      std::size_t cost = item.size() + 4;
      if (inner && depth < lang::kMaxDepth) {
        resolve(*inner, depth + 1);
        if (resolved_[*inner].state == Resolved::State::kDone) {
          list.inner[i] = inner;
          used_[*inner] = true;
          cost = resolved_[*inner].cost + 1;  // an empty list costs the visit
        }
      }
      list.cost = std::min(list.cost + cost, kMaxExpandedBytes + 1);
    }
    list.state = Resolved::State::kDone;
  }

  void add_items(std::size_t list, bool& first, std::string& out) const {
    for (std::size_t i = 0; i < lists_[list].items.size(); ++i) {
      if (const auto inner = resolved_[list].inner[i]) {
        add_items(*inner, first, out);
        continue;
      }
      const std::string& item = lists_[list].items[i];
      if (!std::exchange(first, false)) out += ", ";
      const bool needs_quotes = item.find(' ') != std::string::npos && !is_quote(item.front());
      out += needs_quotes ? '"' + item + '"' : item;
    }
  }

  const std::vector<lang::List>& lists_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
  std::vector<Resolved> resolved_;
  std::vector<bool> used_;
};

// Puts lists into a text, before it is parsed: a name counts between blanks, parentheses, commas and =, but not in quotes.
class TextExpander {
 public:
  TextExpander(ListTexts& lists, std::string_view original) : lists_(lists), original_(original) {}

  // False if the result would be too large; then failed_at() is the list at fault.
  bool run() {
    while (at_ < original_.size()) {
      const char c = original_[at_];
      if (is_delimiter(c)) {
        copy(1);
      } else if (is_quote(c)) {
        copy(quoted_size());
      } else if (!word()) {
        return false;
      }
    }
    return true;
  }

  std::string take_text() { return std::move(out_); }
  std::vector<ExpandedText::Segment> take_segments() { return std::move(segments_); }
  std::size_t failed_at() const { return at_; }

 private:
  std::size_t quoted_size() const {
    std::size_t close = at_ + 1;
    while (close < original_.size() && (original_[close] != original_[at_] || original_[close - 1] == '\\')) ++close;
    return std::min(close + 1, original_.size()) - at_;
  }

  void copy(std::size_t size) {
    if (!copying_) segments_.push_back({out_.size(), at_, false});
    copying_ = true;
    out_ += original_.substr(at_, size);
    at_ += size;
  }

  bool word() {
    std::size_t end = at_;
    while (end < original_.size() && !is_delimiter(original_[end]) && !is_quote(original_[end])) ++end;
    const bool delimited =
        (end == original_.size() || is_delimiter(original_[end])) && (at_ == 0 || is_delimiter(original_[at_ - 1]));
    const auto list = delimited ? lists_.find(original_.substr(at_, end - at_)) : std::nullopt;
    if (!list) {
      copy(end - at_);
      return true;
    }
    lists_.mark_used(*list);
    if (out_.size() + lists_.cost(*list) > kMaxExpandedBytes) return false;
    const std::size_t before = out_.size();
    segments_.push_back({before, at_, true});
    copying_ = false;
    lists_.add(*list, out_);
    at_ = end;
    if (out_.size() == before) drop_comma();
    return true;
  }

  // An empty list takes a neighbouring comma with it: the left one if there is one, else the right one.
  void drop_comma() {
    std::size_t left = out_.size();
    while (left > 0 && is_blank(out_[left - 1])) --left;
    if (left > 0 && out_[left - 1] == ',') {
      out_.resize(left - 1);
      while (!segments_.empty() && segments_.back().start > out_.size()) segments_.pop_back();
      return;
    }
    std::size_t right = at_;
    while (right < original_.size() && is_blank(original_[right])) ++right;
    if (right < original_.size() && original_[right] == ',') at_ = right + 1;
  }

  ListTexts& lists_;
  std::string_view original_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<ExpandedText::Segment> segments_;
  bool copying_ = false;  // the last segment is a copy and goes on
};

// --- trees

template <class Visit>
void for_each_operand(Expr& expr, Visit visit) {
  if (auto* node = std::get_if<lang::And>(&expr.node)) {
    for (ExprPtr& operand : node->operands) visit(operand);
  } else if (auto* other = std::get_if<lang::Or>(&expr.node)) {
    for (ExprPtr& operand : other->operands) visit(operand);
  } else if (auto* inverse = std::get_if<lang::Not>(&expr.node)) {
    visit(inverse->operand);
  }
}

// What a tree takes.
struct Weight {
  std::size_t nodes = 0;
  std::size_t depth = 0;
};

std::size_t add_capped(std::size_t a, std::size_t b) {
  return b > std::numeric_limits<std::size_t>::max() / 2 - std::min(a, b) ? a : a + b;
}

std::size_t parts(const std::vector<lang::TransformArgument>& arguments) {
  std::size_t count = arguments.size();
  for (const lang::TransformArgument& argument : arguments) {
    if (const auto* inner = std::get_if<lang::TransformPtr>(&argument.node)) count += parts((*inner)->arguments);
    if (const auto* list = std::get_if<lang::TransformList>(&argument.node)) count += parts(list->items);
  }
  return count;
}

// Of a check: the constants of its list, the arguments of its transformers.
std::size_t constants(const Expr& expr) {
  const auto* compare = std::get_if<lang::Compare>(&expr.node);
  if (compare == nullptr) return 0;
  std::size_t count = 0;
  if (const auto* list = std::get_if<std::vector<lang::Literal>>(&compare->right)) count += list->size();
  if (const auto* right = std::get_if<lang::Transform>(&compare->right)) count += parts(right->arguments);
  if (const auto* left = std::get_if<lang::Transform>(&compare->left)) count += parts(left->arguments);
  return count;
}

class Expander {
 public:
  Expander(const lang::RuleSet& set, lang::Diagnostics& diagnostics)
      : set_(set), diagnostics_(diagnostics), lists_(set.lists), macros_(set.macros.size()) {
    for (std::size_t i = 0; i < set.macros.size(); ++i) by_name_.emplace(set.macros[i].name, i);
  }

  // Without `use` the result holds all rules.
  ExpandedSet run(const std::function<void(const ExpandedSet&, const ExpandedRule&)>& use) {
    for (std::size_t i = 0; i < set_.macros.size(); ++i) {
      macros_[i].tree = parse_item(set_.macros[i].name, set_.macros[i].condition);
    }
    for (std::size_t i = 0; i < set_.macros.size(); ++i) weigh_macro(i);
    for (const lang::Rule& rule : set_.rules) {
      add_rule(rule);
      if (!use) continue;
      if (!out_.rules.empty()) use(out_, out_.rules.back());
      out_.rules.clear();
      out_.texts.erase(out_.texts.begin() + static_cast<std::ptrdiff_t>(set_.macros.size()), out_.texts.end());
    }
    warn_unused();
    return std::move(out_);
  }

 private:
  enum class State { kNew, kOpen, kDone };
  struct MacroTree {
    ExprPtr tree;  // macros in it are still names; null after an error, which is reported
    Weight weight;
    State state = State::kNew;
    bool used = false;
  };

  void report(std::uint32_t source, std::size_t offset, std::string_view code, std::string message, std::string hint = {}) {
    // Nobody reads on after so many, and each walks its file once.
    constexpr std::size_t kMaxReports = 1000;
    if (++reports_ <= kMaxReports)
      diagnostics_.add(diagnose(out_, source, offset, std::string(code), std::move(message), std::move(hint)));
  }

  // The text of a rule or macro with its lists in, added to the set; its tree, or null after a report.
  ExprPtr parse_item(const std::string& name, const lang::SourceText& original) {
    const auto source = static_cast<std::uint32_t>(out_.texts.size());
    TextExpander expander(lists_, original.value());
    const bool fits = expander.run();
    std::string text = fits ? expander.take_text() : original.value();
    auto segments = fits ? expander.take_segments() : std::vector<ExpandedText::Segment>{{0, 0, false}};
    total_bytes_ += text.size();
    out_.texts.emplace_back(name, original, std::move(text), std::move(segments));
    if (!fits) {
      report(source, expander.failed_at(), kSyntax,
             "the lists of this condition are larger than " + std::to_string(kMaxExpandedBytes >> 20U) + " MiB");
      return nullptr;
    }
    if (total_bytes_ > kMaxSetBytes) {
      if (!std::exchange(too_large_, true)) {
        report(source, 0, kSyntax,
               "the conditions of this rule set are larger than " + std::to_string(kMaxSetBytes >> 20U) + " MiB");
      }
      return nullptr;
    }
    auto tree = lang::parse(out_.texts.back().text());
    if (!tree) {
      report(source, tree.error().offset, kSyntax, tree.error().message, tree.error().hint);
      return nullptr;
    }
    set_source(**tree, source);
    return *std::move(tree);
  }

  static void set_source(Expr& expr, std::uint32_t source) {
    expr.source = source;
    for_each_operand(expr, [&](ExprPtr& operand) { set_source(*operand, source); });
  }

  // Sees a macro only if it was first defined before `before`.
  std::optional<std::size_t> visible_macro(std::string_view name, std::size_t before) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || set_.macros[found->second].first_order >= before) return std::nullopt;
    return found->second;
  }

  void report_undefined(const Expr& expr, const std::string& name) {
    std::vector<std::string_view> names;
    constexpr std::size_t kMostNames = 10'000;  // the search for a near name is a courtesy
    for (std::size_t i = 0; i < std::min(set_.macros.size(), kMostNames); ++i) names.push_back(set_.macros[i].name);
    std::string hint;
    if (by_name_.contains(name)) {
      hint = "it is defined below: move its definition up";
    } else if (const std::string_view near = lang::nearest(name, names); !near.empty()) {
      hint = "did you mean " + std::string(near) + '?';
    }
    report(expr.source, expr.span.begin, kReference, "undefined macro \"" + name + "\" used in filter", std::move(hint));
  }

  // Nodes and depth with the macros in; nothing if a macro is missing or broken. `level` is how deep the walk itself is.
  std::optional<Weight> weigh(Expr& expr, std::size_t before, std::size_t level) {
    if (level > kMaxExpandedDepth) {
      report(expr.source, expr.span.begin, kSyntax,
             "macros nest deeper than " + std::to_string(kMaxExpandedDepth) + " levels here");
      return std::nullopt;
    }
    if (const auto* reference = std::get_if<lang::MacroRef>(&expr.node)) {
      const auto macro = visible_macro(reference->name, before);
      if (!macro) {
        report_undefined(expr, reference->name);
        return std::nullopt;
      }
      macros_[*macro].used = true;
      if (macros_[*macro].state == State::kOpen) {
        report(expr.source, expr.span.begin, kReference, "reference loop in macro \"" + reference->name + '"');
        return std::nullopt;
      }
      return weigh_macro(*macro, level + 1);
    }
    Weight weight{1 + constants(expr), 1};
    bool whole = true;
    for_each_operand(expr, [&](ExprPtr& operand) {
      const auto inner = weigh(*operand, before, level + 1);
      whole = whole && inner.has_value();
      if (!inner) return;
      weight.nodes = add_capped(weight.nodes, inner->nodes);
      weight.depth = std::max(weight.depth, inner->depth + 1);
    });
    return whole ? std::optional(weight) : std::nullopt;
  }

  std::optional<Weight> weigh_macro(std::size_t index, std::size_t level = 0) {
    MacroTree& macro = macros_[index];
    if (macro.state == State::kNew && macro.tree) {
      macro.state = State::kOpen;
      if (const auto weight = weigh(*macro.tree, set_.macros[index].last_order, level)) {
        macro.weight = *weight;
      } else {
        macro.tree = nullptr;
      }
    }
    macro.state = State::kDone;
    return macro.tree ? std::optional(macro.weight) : std::nullopt;
  }

  // Replaces names of macros by copies of their trees. What weigh() let pass is bounded and free of loops.
  void resolve(ExprPtr& expr) {
    if (const auto* reference = std::get_if<lang::MacroRef>(&expr->node)) {
      expr = lang::clone(*macros_[by_name_.at(reference->name)].tree);
      resolve(expr);
      return;
    }
    for_each_operand(*expr, [&](ExprPtr& operand) { resolve(operand); });
  }

  ExprPtr parse_rule(const lang::Rule& rule) {
    const bool excepting =
        std::ranges::any_of(rule.exceptions, [](const lang::Exception& exception) { return !exception.values.empty(); });
    if (!excepting) return parse_item(rule.name, rule.condition);
    // A condition that is broken by itself is reported by itself: with exceptions around it, its end would be a parenthesis of
    // ours.
    if (!parse_item(rule.name, rule.condition)) return nullptr;
    return parse_item(rule.name, lang::condition_with_exceptions(rule));
  }

  void add_rule(const lang::Rule& rule) {
    if (rule.unknown_source) return;
    ExprPtr tree = parse_rule(rule);
    if (!tree) return;
    const auto weight = weigh(*tree, std::numeric_limits<std::size_t>::max(), 0);
    if (!weight) return;
    const std::uint32_t source = tree->source;
    if (weight->nodes > kMaxExpandedNodes) {
      report(source, 0, kSyntax,
             "with its macros the rule has more than " + std::to_string(kMaxExpandedNodes) + " checks and constants");
      return;
    }
    if (weight->depth > kMaxExpandedDepth) {
      report(source, 0, kSyntax, "with its macros the rule nests deeper than " + std::to_string(kMaxExpandedDepth) + " levels");
      return;
    }
    total_nodes_ += weight->nodes;
    if (total_nodes_ > kMaxSetNodes) {
      if (!std::exchange(too_large_, true)) {
        report(
            source, 0, kSyntax,
            "with their macros the rules of this set have more than " + std::to_string(kMaxSetNodes) + " checks and constants");
      }
      return;
    }
    resolve(tree);
    out_.rules.push_back({&rule, std::move(tree)});
  }

  void warn_unused() {
    constexpr std::size_t kMaxUnused = 1000;  // nobody reads on after so many
    std::size_t warnings = 0;
    const auto warn = [&](std::string_view code, std::string_view kind, const auto& item) {
      if (++warnings > kMaxUnused) return;
      diagnostics_.add({lang::Severity::kWarning,
                        std::string(code),
                        std::string(kind) + " \"" + item.name + "\" is never used",
                        {},
                        item.position,
                        item.name,
                        lang::shown_line(*item.file, item.position.line)});
    };
    for (std::size_t i = 0; i < set_.macros.size(); ++i) {
      if (!macros_[i].used) warn("LOAD_UNUSED_MACRO", "macro", set_.macros[i]);
    }
    for (std::size_t i = 0; i < set_.lists.size(); ++i) {
      if (!lists_.used(i)) warn("LOAD_UNUSED_LIST", "list", set_.lists[i]);
    }
  }

  const lang::RuleSet& set_;
  lang::Diagnostics& diagnostics_;
  ListTexts lists_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
  std::vector<MacroTree> macros_;
  ExpandedSet out_;
  std::size_t total_bytes_ = 0;
  std::size_t total_nodes_ = 0;
  bool too_large_ = false;
  std::size_t reports_ = 0;
};

}  // namespace

ExpandedText::ExpandedText(std::string item, lang::SourceText original, std::string text, std::vector<Segment> segments)
    : item_(std::move(item)), original_(std::move(original)), text_(std::move(text)), segments_(std::move(segments)) {}

std::size_t ExpandedText::original_offset(std::size_t offset) const {
  const auto next = std::ranges::upper_bound(segments_, offset, {}, &Segment::start);
  if (next == segments_.begin()) return offset;
  const Segment& segment = *std::prev(next);
  return segment.original_start + (segment.expanded ? 0 : offset - segment.start);
}

lang::Position ExpandedText::position(std::size_t offset) const { return original_.position(original_offset(offset)); }
std::string ExpandedText::line(std::size_t offset) const { return original_.line(original_offset(offset)); }

ExpandedSet expand(const lang::RuleSet& set, lang::Diagnostics& diagnostics) { return Expander(set, diagnostics).run({}); }

void expand_each(const lang::RuleSet& set, lang::Diagnostics& diagnostics,
                 const std::function<void(const ExpandedSet& set, const ExpandedRule& rule)>& use) {
  Expander(set, diagnostics).run(use);
}

lang::Diagnostic diagnose(const ExpandedSet& set, std::uint32_t source, std::size_t offset, std::string code, std::string message,
                          std::string hint) {
  const ExpandedText& text = set.texts.at(source);
  return {lang::Severity::kError, std::move(code), std::move(message), std::move(hint),
          text.position(offset),  text.item(),     text.line(offset)};
}

}  // namespace shrike::compile
