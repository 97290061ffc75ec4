// SPDX-License-Identifier: Apache-2.0
// The judge answers a condition for an event by walking its tree, as rule-language.md 2.3 to 2.10 has it: slowly, and with
// nothing of engine/program, engine/match or engine/compile, so that it can't share their mistakes. Fields and their values are
// the event's own (event::resolve_field, event::extract); what a value has further names for is in docs/differences.md.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/arena.h"
#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/event/field.h"
#include "engine/lang/ast.h"

namespace re2 {
class RE2;
}

namespace shrike::judge {

// What was judged so far: how often each check with a value on its left was true and how often false.
struct Coverage {
  struct Answers {
    std::size_t yes = 0;
    std::size_t no = 0;
    void add(bool answer) { answer ? ++yes : ++no; }
  };
  std::map<std::pair<event::Type, lang::Operator>, Answers> operators;     // constants on the right
  std::map<std::pair<event::Type, lang::Operator>, Answers> fields_right;  // val() or a transformer
  std::map<lang::Modifier, Answers> modifiers;
  std::map<std::string, Answers, std::less<>> transformers;  // on the left
  std::map<std::string_view, Answers> fields;
  Answers absent;  // `no` alone
  Answers named;   // values with further names
};

class Judge {
 public:
  // The context must outlive the judge.
  explicit Judge(const event::Context& context);
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;
  ~Judge();

  // Is the macro-free condition true of the event?
  bool holds(const lang::Expr& condition, const event::Event& event);

  const Coverage& coverage() const { return coverage_; }

 private:
  // A side of a comparison. Several values stand side by side unless it is a list, which is one value.
  struct Operand {
    const event::Field* source = nullptr;  // null if it is no field
    event::Type type = event::Type::kString;
    bool is_list = false;
    bool every_for_unequal = true;  // != wants all of them to differ; else one
    bool present = false;
    std::vector<event::Value> values;
  };

  bool compare(const lang::Compare& compare);
  bool holds_for(const lang::Compare& compare, const Operand& left, const event::Value& value);
  bool holds_for_constant(lang::Operator op, event::Type type, const event::Value& value, const std::string& constant);
  Operand field(const lang::FieldRef& ref);
  Operand transform(const lang::Transform& call);
  Operand argument(const lang::TransformArgument& argument);
  Operand side(const lang::Operand& operand);
  std::optional<event::Value> apply(const lang::Transform& call, const std::vector<Operand>& arguments, std::size_t name);
  event::Value text(std::string_view text);
  const re2::RE2& regex(const std::string& pattern);

  const event::Context& context_;
  const event::Event* event_ = nullptr;
  Arena arena_;
  std::map<std::string, std::unique_ptr<re2::RE2>> regexes_;
  Coverage coverage_;
};

}  // namespace shrike::judge
