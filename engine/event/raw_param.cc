// SPDX-License-Identifier: Apache-2.0
#include "engine/event/raw_param.h"

#include <algorithm>
#include <array>

#include "engine/event/params.h"

namespace shrike::event {
namespace {

using enum Type;

struct RawType {
  Type type;
  std::uint8_t bits = 64;
};

constexpr RawType raw_type(ParamKind kind) {
  switch (kind) {
    case ParamKind::kFd:
    case ParamKind::kErrno:
    case ParamKind::kPid:
    case ParamKind::kInt64:
      return {kInt};
    case ParamKind::kInt32:
      return {kInt, 32};
    case ParamKind::kUint64:
      return {kUint};
    case ParamKind::kUint32:
    case ParamKind::kFlags32:
    case ParamKind::kEnum32:
    case ParamKind::kMode:
      return {kUint, 32};
    case ParamKind::kUint16:
    case ParamKind::kFlags16:
    case ParamKind::kEnum16:
      return {kUint, 16};
    case ParamKind::kUint8:
    case ParamKind::kFlags8:
    case ParamKind::kEnum8:
    case ParamKind::kSignal:
      return {kUint, 8};
    case ParamKind::kBool:
      return {kBool};
    case ParamKind::kText:
    case ParamKind::kPath:
    case ParamKind::kRelativePath:
      return {kString};
    case ParamKind::kBytes:
      return {kBuffer};
    case ParamKind::kAbsTime:
      return {kTime};
    case ParamKind::kRelTime:
      return {kDuration};
    case ParamKind::kUid:
    case ParamKind::kGid:
    case ParamKind::kTuple:
    case ParamKind::kAddress:
    case ParamKind::kSignalSet:
    case ParamKind::kFdList:
    case ParamKind::kDynamic:
      break;
  }
  return {kOpaque};
}

Value get(const Extraction& x) {
  const std::span<const Param> params = event_types()[index(x.event.type)].params;
  const auto param = std::ranges::find(params, std::string_view(x.argument.text), &Param::name);
  return param == params.end() ? Value() : param_value(x.event, x.arena, *param);
}

constexpr auto kFields = [] {
  std::array<Field, kParamKinds> fields{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const RawType raw = raw_type(static_cast<ParamKind>(i));
    fields[i] = {.name = "evt.rawarg",
                 .type = raw.type,
                 .argument = ArgumentKind::kRawParameter,
                 .flags = kNoRhs | kNoTransform,
                 .origin = Origin::kUserMemory,
                 .meaning = "a parameter of the event, with the type it has there",
                 .get = get,
                 .bits = raw.bits};
  }
  return fields;
}();

}  // namespace

const Field& raw_field(ParamKind kind) { return kFields[static_cast<std::size_t>(kind)]; }

}  // namespace shrike::event
