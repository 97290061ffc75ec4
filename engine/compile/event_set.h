// SPDX-License-Identifier: Apache-2.0
// Which event types a condition can hold for: set algebra over its tree (rule-language.md 3.2).
#pragma once

#include "engine/event/event_type.h"
#include "engine/lang/ast.h"

namespace shrike::compile {

event::EventSet infer_events(const lang::Expr& expr);

}  // namespace shrike::compile
