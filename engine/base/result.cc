// SPDX-License-Identifier: Apache-2.0
#include "engine/base/result.h"

#include <system_error>

namespace shrike {

Error system_error(std::string what, int sys_errno) {
  // std::generic_category is thread-safe where strerror is not.
  return Error{Code::kSystem, std::move(what) + ": " + std::generic_category().message(sys_errno), sys_errno};
}

}  // namespace shrike
