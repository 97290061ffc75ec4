// SPDX-License-Identifier: Apache-2.0
// parse_yaml and read_yaml turn a file into trees of our own, in which every node knows the byte it starts at. Nobody else sees
// yaml-cpp: its tree gives no byte of a scalar behind an anchor or tag, keeps duplicate keys, knows no merge keys, drops control
// characters and has no bounds.
#pragma once

#include <cstddef>
#include <deque>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/lang/source.h"

namespace shrike::lang {

inline constexpr std::size_t kMaxYamlDepth = 64;              // a rule file needs 8
inline constexpr std::size_t kMaxYamlNodes = 4'000'000;       // of one file, and of what its aliases stand for
inline constexpr std::size_t kMaxYamlSeparators = 4'000'000;  // lines and commas of one file
inline constexpr std::size_t kMaxYamlRun = 1U << 20U;         // bytes without either; no text may be so long
inline constexpr std::size_t kMaxYamlKey = 1024;              // bytes; what YAML lets a plain key have, for aliases and `? …` too

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  std::size_t offset = 0;  // first byte of the node itself, behind its anchor and tag
  std::string scalar;
  std::vector<const YamlNode*> children;  // of a sequence its elements; of a map key, value, key, value, …

  // The value of `key`, or null. Of a merge key (`<<: *base`) the map has what it stands for.
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

// The same for a file that is larger than one wants to hold as a tree: hands out each element of a document that is a sequence,
// and any other document as a whole. A piece lives for the call. The error that ends the file, if one does, comes after the
// pieces before it.
struct YamlPiece {
  const YamlNode& node;
  bool item = false;  // else a document
};
std::optional<YamlError> read_yaml(const SourceFile& file, const std::function<void(const YamlPiece&)>& piece);

}  // namespace shrike::lang
