// SPDX-License-Identifier: Apache-2.0
// judge() says what one check of a block or kill rule is at the hook of one operation: already known, a lookup in one of the
// kernel's fields, or something the kernel can't decide. What may stand where is the table of engine/event/semantics.h.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "engine/compile/check_types.h"
#include "engine/lang/ast.h"
#include "engine/program/kernel_plan.h"

namespace shrike::compile {

// A check that is a lookup.
struct KernelCheck {
  program::KernelField field = program::KernelField::kExepath;
  event::FieldUse use;
  program::Predicate predicate;
  bool inverted = false;          // `!=` of a field with several sources: `predicate` is the equality, and its negation is meant
  std::vector<std::string> keys;  // of texts: the constants as the index has them
  std::string text;               // as written, in normal form
  lang::Span span;
  std::uint32_t source = 0;

  // The predicate (not inverted) on a value of its field.
  bool holds(const event::Value& value) const { return program::holds(predicate, value); }
};

struct Known {
  bool value = false;
  bool assumed = false;  // because success is
};
using Judgement = std::variant<Known, std::shared_ptr<const KernelCheck>>;

// Where a check stands.
struct Stand {
  program::Operation operation = program::Operation::kExec;
  bool negated = false;         // directly: `not x`
  bool inside_negated = false;  // in an odd number of negated groups
};

std::expected<Judgement, Problem> judge(const lang::Expr& check, const Stand& stand);

// A field whose value has several sources: one is enough for a positive predicate, a negated one needs all.
bool has_many_sources(program::KernelField field);

event::Moment hook_of(program::Operation operation);

// The event types of an operation: those a rule must name, and those it may.
struct OperationTypes {
  std::vector<event::EventType> required, optional;
};
const OperationTypes& types_of(program::Operation operation);
event::EventSet event_set_of(program::Operation operation);
inline constexpr program::Operation kAllOperations[] = {program::Operation::kExec, program::Operation::kOpen,
                                                        program::Operation::kConnect, program::Operation::kSend,
                                                        program::Operation::kBind};

}  // namespace shrike::compile
