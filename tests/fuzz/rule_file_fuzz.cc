// SPDX-License-Identifier: Apache-2.0
// A rule file by a stranger: read, expanded, compiled, its diagnostics printed. Nothing may crash, hang or eat the memory.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <ranges>

#include "engine/compile/compile.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/rule_file.h"

namespace shrike {
namespace {

// Every diagnostic can be printed without driving a terminal, and stands inside the file.
void check(const lang::Diagnostics& diagnostics, const lang::SourceFile& file) {
  // The first of them: looking for a line takes a walk through the file.
  for (const lang::Diagnostic& found : diagnostics.all() | std::views::take(100)) {
    if (found.code.empty() || found.message.empty()) std::abort();
    if (found.position.line != 0 && found.position.column == 0) std::abort();
    if (lang::line_at(file, found.position.line).size() + 1 < found.position.column) std::abort();
    const std::string shown = lang::format(found);
    const auto drives = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; };
    if (std::ranges::any_of(shown, drives) || std::ranges::count(shown, '\n') > 3) std::abort();
  }
}

}  // namespace
}  // namespace shrike

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shrike;
  const auto file = std::make_shared<const lang::SourceFile>(
      lang::SourceFile{"rules.yaml", std::string(reinterpret_cast<const char*>(data), size)});
  lang::RuleSet set;
  lang::Diagnostics diagnostics;
  lang::read_rule_file(file, set, diagnostics);
  if (!diagnostics.has_errors()) {
    const compile::Options options{.suggested_output = true, .plan = compile::PlanOptions{event::Tier::kFull, compile::HostMode::kEnforce}};
    compile::Compiled compiled = compile::compile_rules(set, options, diagnostics);
    if (!diagnostics.has_errors()) {
      (void)compiled.program.dump();
      (void)compiled.plan.dump();
    }
  }
  check(diagnostics, *file);
  return 0;
}
