// SPDX-License-Identifier: Apache-2.0
// compile runs the passes in order: expand, infer events, type, lower, and lower for the kernel. What is wrong with a rule does
// not depend on the host; the plan and assess() do.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/compile/check_types.h"
#include "engine/compile/lower_kernel.h"
#include "engine/event/event_type.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/rule_file.h"
#include "engine/program/kernel_plan.h"
#include "engine/program/program.h"

namespace shrike::compile {

// An entry of `append_output` (rule-language.md 5.4): what it adds to the outputs of the rules it matches.
struct AppendOutput {
  // Which: empty matches all; of `tags` the rule must have each.
  std::string source{};
  std::string rule{};
  std::vector<std::string> tags{};

  std::string extra_output{};                                        // behind the rule's output, after a blank
  std::vector<std::string> extra_fields{};                           // as in a rule, without %: into output_fields only
  std::vector<std::pair<std::string, std::string>> extra_formats{};  // key and template: into output_fields, as text
  bool suggested_output = false;                                     // container and pod fields, and static fields
};

struct Options {
  lang::Priority priority = lang::Priority::kDebug;  // rules less severe are dropped
  bool suggested_output = true;               // an entry without match before those of append_output, as is Falco's default
  std::vector<AppendOutput> append_output{};  // in order
  std::vector<std::pair<std::string, std::string>> static_fields{};  // key and value
  std::optional<PlanOptions> plan = std::nullopt;  // what the kernel is to decide; without it nothing, and all rules alert
  bool opening_is_opening = true;  // who names open, openat and openat2 means open_by_handle_at and io_uring's opens too
  bool normal_forms = true;        // keep each condition's, for those who print it
};

// Every rule of the set that compiles, in order of first definition. Errors and warnings go to `diagnostics`; with an error the
// program is not to be used.
struct Compiled {
  program::Program program;              // with Options::plan each rule's enforcement and decided_in_kernel are set
  program::KernelPlan plan;              // empty without Options::plan
  std::vector<KernelRule> kernel_rules;  // every enabled block and kill rule of `program`, whatever the plan makes of it
};
Compiled compile_rules(const lang::RuleSet& set, const Options& options, lang::Diagnostics& diagnostics);

// The same, the program alone.
program::Program compile(const lang::RuleSet& set, const Options& options, lang::Diagnostics& diagnostics);

// What is wrong with the templates and fields of an entry, or nothing.
std::optional<Problem> check_append_output(const AppendOutput& entry);

// What the capture of this host can tell.
struct Capabilities {
  event::EventSet events;        // captured
  event::EventSet generic = {};  // captured too, but only for rules that name event types
};

// Sets every rule's availability and rebuilds the index:
//   inactive: never …      can't hold by its own text
//   inactive: events …     none of its events is captured
//   inactive: fields …     its condition reads a field nothing supplies
//   partial: a, b          these of its events are not captured
// A rule that is decided in the kernel asks nothing of the capture: it is active unless it can never hold.
void assess(program::Program& program, const Capabilities& capabilities);

}  // namespace shrike::compile
