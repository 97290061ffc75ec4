// SPDX-License-Identifier: Apache-2.0
// The other end of a ControlSocket.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/app/options.h"
#include "engine/app/requests.h"
#include "engine/base/result.h"

namespace shrike::app {

class ControlClient {
 public:
  explicit ControlClient(const Options& options);

  using Parameters = std::multimap<std::string, std::string>;

  // Errors: kSystem if no daemon can be reached, kCorrupt if it answers what is no answer.
  Result<Answer> get(const std::string& what) const;
  Result<Answer> post(const std::string& what, const Parameters& parameters = {}) const;
  // Each line of a stream, without its end and without empty ones, until `line` returns false or the daemon ends it. An answer
  // that is no stream is returned.
  Result<Answer> stream(const std::string& what, const Parameters& parameters,
                        const std::function<bool(std::string_view)>& line) const;

 private:
  Error unreachable() const;

  std::string path_;
};

// Prints what an answer says, on standard output or, if it is no, on standard error; the exit code.
int conclude(const Result<Answer>& answer, bool json = false);

// Of a state: a number, or 0; a table or list, or an empty one.
std::uint64_t number(const nlohmann::json& from, const char* key);
const nlohmann::json& part(const nlohmann::json& from, const char* key);

// Text of others as a terminal may have it.
std::string printable(std::string_view text);

}  // namespace shrike::app
