// SPDX-License-Identifier: Apache-2.0
// A condition by a stranger. What parses must read the same from its own normal form, and every check of it must be typed or
// refused with a reason.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/compile/check_types.h"
#include "engine/compile/event_set.h"
#include "engine/lang/parser.h"

namespace shrike {
namespace {

[[noreturn]] void fail(std::string_view what, std::string_view text) {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()), what.data(), static_cast<int>(text.size()), text.data());
  std::abort();
}

void check_leaves(const lang::Expr& expr, std::size_t size) {
  std::visit(lang::Overload{
                 [&](const lang::And& node) {
                   for (const lang::ExprPtr& operand : node.operands) check_leaves(*operand, size);
                 },
                 [&](const lang::Or& node) {
                   for (const lang::ExprPtr& operand : node.operands) check_leaves(*operand, size);
                 },
                 [&](const lang::Not& node) { check_leaves(*node.operand, size); },
                 [](const lang::MacroRef&) {},
                 [&](const lang::Compare& compare) {
                   const auto checked = compile::check_types(compare);
                   if (checked) return;
                   const compile::Problem& problem = checked.error();
                   if (problem.message.empty()) fail("refused without a reason", lang::dump(expr));
                   if (problem.span.begin > problem.span.end || problem.span.end > size)
                     fail("the place is outside of the text", lang::dump(expr));
                 },
             },
             expr.node);
}

}  // namespace
}  // namespace shrike

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shrike;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = lang::parse(text);
  if (!parsed) {
    if (parsed.error().message.empty() || parsed.error().offset > size) fail("an error without text or place", text);
    return 0;
  }
  const std::string dumped = lang::dump(**parsed);
  const auto again = lang::parse(dumped);
  if (!again) fail("the normal form does not parse: " + again.error().message, dumped);
  if (const std::string twice = lang::dump(**again); twice != dumped) fail("the normal form reads as: " + twice, dumped);
  if (lang::dump(*lang::clone(**parsed)) != dumped) fail("the copy differs", dumped);
  check_leaves(**parsed, size);
  (void)compile::infer_events(**parsed);
  return 0;
}
