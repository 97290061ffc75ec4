// SPDX-License-Identifier: Apache-2.0
// ProgramBuilder lowers trees and output templates into one Program; equal fields share a slot, equal checks a predicate.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/compile/check_types.h"
#include "engine/lang/ast.h"
#include "engine/lang/parser.h"
#include "engine/program/program.h"

namespace shrike::compile {

class ProgramBuilder {
 public:
  struct Located {  // a problem or remark and the text its span belongs to (Expr::source)
    Problem problem;
    std::uint32_t source = 0;
  };
  struct LocatedRemark {
    Remark remark;
    std::uint32_t source = 0;
  };

  // Adds a macro-free tree; returns its root, or the first kMaxProblems checks that are wrong in it; as many remarks are kept.
  // `fields` gets the names of the condition's fields.
  std::expected<std::uint32_t, std::vector<Located>> add_condition(const lang::Expr& expr, std::vector<std::string>& fields,
                                                                   std::vector<LocatedRemark>& remarks);

  // Adds an output template (rule-language.md 5.1). Spans are those of the template's text.
  struct Output {
    std::vector<program::OutputPart> parts;
    std::vector<program::OutputField> fields;
    std::vector<Remark> removed;  // tokens that no longer mean anything and print nothing: %container.info
  };
  std::expected<Output, Problem> add_output(std::string_view text);
  // Each once.
  std::uint32_t text(std::string text);
  std::uint32_t format(std::vector<program::OutputPart> parts);

  program::Program take() { return std::move(program_); }
  program::Program& program() { return program_; }

 private:
  struct Token;
  std::expected<Token, Problem> token(std::string_view text, std::size_t begin, std::size_t at);
  std::uint32_t slot(const event::FieldUse& use);
  std::uint32_t slot(const TypedOperand& operand);  // a field or a call
  program::CallArgument argument(const TypedOperand& operand);
  std::uint32_t predicate(CheckedCompare checked, std::string text);
  std::uint32_t node(program::Node::Kind kind, const std::vector<std::uint32_t>& children);
  std::uint32_t lower(const lang::Expr& expr, std::uint32_t source);

  program::Program program_;
  std::map<std::string, std::uint32_t> slots_;
  std::map<std::string, std::uint32_t> predicates_;
  std::size_t regex_size_ = 0;
  std::unordered_map<std::string_view, std::uint32_t> texts_;  // borrowed from program_
  // of the condition being added
  std::vector<Located> problems_;
  std::vector<LocatedRemark>* remarks_ = nullptr;
  std::vector<std::string>* fields_ = nullptr;
};

}  // namespace shrike::compile
