// SPDX-License-Identifier: Apache-2.0
// Failures are values: Result<T> is T or an Error; TRY passes an Error on.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace shrike {

enum class Code {
  kInvalid,      // what was given is wrong
  kNotFound,     // it is not there
  kUnsupported,  // this host or this version can't
  kSystem,       // a system call failed; sys_errno says why
  kCorrupt,      // bytes that break their own format
  kLimit,        // more than a stated bound
};

struct Error {
  Code code = Code::kInvalid;
  std::string message;
  int sys_errno = 0;

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

// Error of a failed call: "open /x: No such file or directory".
Error system_error(std::string what, int sys_errno);

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace shrike

// TRY(expr) is expr's value, or returns its error from this function.
#define TRY(expr)                                                   \
  __extension__({                                                   \
    auto&& shrike_try_result = (expr);                              \
    if (!shrike_try_result.has_value()) [[unlikely]] {              \
      return std::unexpected(std::move(shrike_try_result).error()); \
    }                                                               \
    *std::move(shrike_try_result);                                  \
  })
