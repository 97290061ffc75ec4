// SPDX-License-Identifier: Apache-2.0
// evt.rawarg.NAME: parameters with the type they have in the event.
#pragma once

#include "engine/event/event_type.h"
#include "engine/event/field.h"

namespace shrike::event {

// The field evt.rawarg as it is for parameters of that kind: its type decides the operators.
const Field& raw_field(ParamKind kind);

}  // namespace shrike::event
