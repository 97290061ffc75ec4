// SPDX-License-Identifier: Apache-2.0
// The configuration's files as one tree, before anybody asks what its keys mean: read, merged, variables in. Every node knows its
// place.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/lang/diagnostic.h"
#include "engine/lang/source.h"

namespace shrike::app {

inline constexpr std::size_t kMaxConfigNodes = 200'000;     // of all files, aliases counted each time
inline constexpr std::size_t kMaxConfigBytes = 32U << 20U;  // of their texts, the same; variables in
inline constexpr std::size_t kMaxConfigText = 1U << 20U;    // of one

struct ConfigNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  std::string scalar{};
  std::vector<ConfigNode> children{};  // of a sequence its elements; of a map key, value, key, value, …
  std::shared_ptr<const lang::SourceFile> file{};
  std::size_t offset = 0;
  bool from_variable = false;  // the environment had a part in the scalar

  bool broken = false;  // a variable is missing: said already

  const ConfigNode* find(std::string_view key) const;
};

struct ConfigTree {
  ConfigNode root;
  std::vector<std::string> files;
};

using Environment = std::function<const char*(const char*)>;

// `path`, then the *.yaml of config.d beside it in name order. `ignored`: keys of the top that are left out, and whose variables
// nobody needs.
ConfigTree read_config_tree(const std::string& path, const Environment& environment, const std::vector<std::string_view>& ignored,
                            lang::Diagnostics& diagnostics);

lang::Diagnostic config_error(const ConfigNode& node, std::string message, std::string hint = {});

// `text` with its variables in; an error's message and hint otherwise.
struct ExpandError {
  std::string message;
  std::string hint;
};
std::optional<ExpandError> expand_variables(std::string_view text, const Environment& environment, std::string& out);

}  // namespace shrike::app
