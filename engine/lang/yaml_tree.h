// SPDX-License-Identifier: Apache-2.0
// parse_yaml turns a file into a tree of our own, in which every node knows the byte it starts at. Nobody else sees yaml-cpp:
// its tree gives no byte of a scalar behind an anchor or tag, keeps duplicate keys, drops control characters and has no bounds.
#pragma once

#include <cstddef>
#include <deque>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/lang/source.h"

namespace shrike::lang {

inline constexpr std::size_t kMaxYamlDepth = 64;         // a rule file needs 8
inline constexpr std::size_t kMaxYamlNodes = 4'000'000;  // of one file, and of what its aliases stand for

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  std::size_t offset = 0;  // first byte of the node itself, behind its anchor and tag
  std::string scalar;
  std::vector<const YamlNode*> children;  // of a sequence its elements; of a map key, value, key, value, …

  // The value of `key`, or null.
  const YamlNode* find(std::string_view key) const;
};

// Nodes live as long as the tree. An alias is its anchor's node, so a node may have several parents.
struct YamlTree {
  std::deque<YamlNode> nodes;
  std::vector<const YamlNode*> documents;
};

struct YamlError {
  bool syntax = true;  // else well-formed, but not what a rule file may hold
  std::string message;
  std::string hint;
  std::size_t offset = 0;
};

std::expected<YamlTree, YamlError> parse_yaml(const SourceFile& file);

}  // namespace shrike::lang
