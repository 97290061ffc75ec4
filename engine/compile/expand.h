// SPDX-License-Identifier: Apache-2.0
// expand turns each rule's text into one tree without lists and macros (rule-language.md 1.7): lists textually before parsing,
// macros as trees afterwards. Positions survive, so that later passes can point into the file.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "engine/lang/ast.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/parser.h"
#include "engine/lang/rule_file.h"

namespace shrike::compile {

// Bounds of what a rule may become. Packs stay four orders of magnitude below.
inline constexpr std::size_t kMaxExpandedBytes = lang::kMaxFileBytes;  // one text, lists in
inline constexpr std::size_t kMaxExpandedNodes =
    2'000'000;  // one rule's tree, macros in; a constant of a list or an argument of a transformer counts like a check
inline constexpr std::size_t kMaxExpandedDepth =
    3 * lang::kMaxDepth;  // of a rule's tree: what kMaxDepth parentheses can make by themselves
inline constexpr std::size_t kMaxSetBytes = 4 * kMaxExpandedBytes;  // all texts of a set
inline constexpr std::size_t kMaxSetNodes = 4'000'000;              // all trees of a set

// The text a part of an expanded tree was parsed from, and how to get from there to the file.
// Expr::source indexes ExpandedSet::texts.
class ExpandedText {
 public:
  // A run of text(): copied from the original, or all of it standing for one list name of the original.
  struct Segment {
    std::size_t start = 0;           // in text()
    std::size_t original_start = 0;  // in the original
    bool expanded = false;
  };
  ExpandedText(std::string item, lang::SourceText original, std::string text, std::vector<Segment> segments);

  const std::string& text() const { return text_; }  // lists are in
  const std::string& item() const { return item_; }  // name of the rule or macro
  // Byte `offset` of text() in the file; inside an expanded list, the place of its name.
  lang::Position position(std::size_t offset) const;
  // The file's line at that position.
  std::string line(std::size_t offset) const;

 private:
  std::size_t original_offset(std::size_t offset) const;

  std::string item_;
  lang::SourceText original_;
  std::string text_;
  std::vector<Segment> segments_;
};

struct ExpandedRule {
  const lang::Rule* rule = nullptr;
  lang::ExprPtr condition;  // no MacroRef left
};

struct ExpandedSet {
  std::vector<ExpandedText> texts;  // macros first, then rules
  std::vector<ExpandedRule> rules;  // every rule of the set that has a tree, disabled ones too; in order of first definition
};

// Errors (LOAD_ERR_COMPILE_CONDITION: syntax, size; LOAD_ERR_VALIDATE: undefined macro, reference loop) and warnings
// (LOAD_UNUSED_MACRO, LOAD_UNUSED_LIST) go to `diagnostics`; a rule with an error is left out, and so is one of an unknown
// source. An error inside a macro is reported once, there; rules that use it are left out silently. `set` must outlive the
// result.
ExpandedSet expand(const lang::RuleSet& set, lang::Diagnostics& diagnostics);

// The same one rule at a time: trees of a large pack together take far more memory than what they are compiled to. `use` gets
// the macros' texts and the rule's.
void expand_each(const lang::RuleSet& set, lang::Diagnostics& diagnostics,
                 const std::function<void(const ExpandedSet& set, const ExpandedRule& rule)>& use);

// A diagnostic at byte `offset` of text `source`.
lang::Diagnostic diagnose(const ExpandedSet& set, std::uint32_t source, std::size_t offset, std::string code, std::string message,
                          std::string hint = {});

}  // namespace shrike::compile
