// SPDX-License-Identifier: Apache-2.0
// lower_kernel is the second compilation of a rule: what a block or kill rule is to the kernel (design.md sections 3 and 4). A
// rule that can't be decided exactly at the hooks of its operations is an error, whatever the host; what a host makes of one
// that can is a KernelPlan and a status.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/compile/expand.h"
#include "engine/compile/kernel_clauses.h"
#include "engine/event/semantics.h"
#include "engine/lang/diagnostic.h"
#include "engine/program/kernel_plan.h"

namespace shrike::compile {

enum class HostMode : std::uint8_t { kDetect, kMonitor, kEnforce };

struct PlanOptions {
  event::Tier tier = event::Tier::kFull;
  HostMode mode = HostMode::kMonitor;
};

// A block or kill rule as the kernel could decide it.
struct KernelRule {
  std::uint32_t rule = 0;  // index into Program::rules; set by compile
  bool kill = false;
  lang::Mode mode = lang::Mode::kHost;
  std::vector<OperationClauses> operations;  // with at least one clause each; empty: it can never hold
};

// Nothing, and errors (LOAD_ERR_COMPILE_CONDITION), if the kernel can't decide the rule. Warns of exceptions by a name any
// program can take (LOAD_COMPILE_CONDITION). `clauses` counts those of all rules so far: above kMaxClauses is an error too.
// The rule must have passed check_types.
std::optional<KernelRule> lower_rule(const ExpandedSet& set, const ExpandedRule& rule, std::size_t& clauses,
                                     lang::Diagnostics& diagnostics);

// The lower of the host's mode and the rule's own.
HostMode effective_mode(const KernelRule& rule, HostMode host);

// Can the tier do what the rule asks, all of it? The full tier can; the tracing tier has cgroup programs for sockets with
// an IP address (a rule must ask for one: address, port or protocol), and can kill after the fact; it refuses no exec and no
// open.
bool is_enforceable(const KernelRule& rule, event::Tier tier);

// "enforced", "monitored", "not enforced: tier", "not enforced: mode"; of a rule that can never hold "".
std::string_view enforcement(const KernelRule& rule, const PlanOptions& options);

// The plan of those that are enforced or monitored, in the order given.
program::KernelPlan make_plan(const std::vector<KernelRule>& rules, const PlanOptions& options);

}  // namespace shrike::compile
