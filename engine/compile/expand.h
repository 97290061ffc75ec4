// SPDX-License-Identifier: Apache-2.0
// expand turns each rule's text into one tree without lists and macros (rule-language.md 1.7): lists textually before parsing,
// macros as trees afterwards. Positions survive, so that later passes can point into the file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/lang/ast.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/rule_file.h"

namespace shrike::compile {

// The text a part of an expanded tree was parsed from, and how to get from there to the file.
// Expr::source indexes ExpandedSet::texts.
class ExpandedText {
 public:
  ExpandedText(std::string item, lang::SourceText original, const std::vector<lang::List>& lists);

  const std::string& text() const { return text_; }  // lists are in
  const std::string& item() const { return item_; }  // name of the rule or macro
  // Byte `offset` of text() in the file; inside an expanded list, the place of its name.
  lang::Position position(std::size_t offset) const;

 private:
  struct Segment {
    std::size_t start = 0;           // in text_
    std::size_t original_start = 0;  // in the original
    bool expanded = false;           // all of it stands for the original's list name
  };
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
  std::vector<ExpandedText> texts;
  std::vector<ExpandedRule> rules;  // every rule of the set that has a tree, disabled ones too; in order of first definition
};

// Errors (LOAD_ERR_COMPILE_CONDITION: syntax; LOAD_ERR_VALIDATE: undefined macro, reference loop) and warnings
// (LOAD_UNUSED_MACRO, LOAD_UNUSED_LIST) go to `diagnostics`; a rule with an error is left out. `set` must outlive the result.
ExpandedSet expand(const lang::RuleSet& set, lang::Diagnostics& diagnostics);

// A diagnostic at byte `offset` of text `source`.
lang::Diagnostic diagnose(const ExpandedSet& set, std::uint32_t source, std::size_t offset, std::string code, std::string message,
                          std::string hint = {});

}  // namespace shrike::compile
