// SPDX-License-Identifier: Apache-2.0
// index_clauses() makes the maps' contents of clauses: per field and value the vector of the clauses that value satisfies. Every
// bit is asked of the engine's own evaluator, on a value that stands for its key.
#pragma once

#include <vector>

#include "engine/compile/kernel_clauses.h"
#include "engine/program/kernel_plan.h"

namespace shrike::compile {

// Fills fields, otherwise, absent, texts, ranges and values. `clauses`: in the order of their bits, at most kMaxClauses.
void index_clauses(const std::vector<const KernelClause*>& clauses, program::KernelPlan& plan);

}  // namespace shrike::compile
