// SPDX-License-Identifier: Apache-2.0
// Opening is opening: a condition that names open, openat and openat2 means every way to open a file.
#pragma once

#include "engine/lang/ast.h"

namespace shrike::compile {

// The condition with open_by_handle_at beside open, openat and openat2 wherever it names all three of them as alternatives: in
// one list of evt.type, or in operands of one `or`. Null: nowhere.
lang::ExprPtr widen_opens(const lang::Expr& expr);

}  // namespace shrike::compile
