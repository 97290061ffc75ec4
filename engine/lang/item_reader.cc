// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/item_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shrike::lang {
namespace {

constexpr std::size_t kMaxBytesRead = 4 * kMaxFileBytes;  // of one file, aliases counted each time
constexpr std::size_t kMaxWarnings = 1000;                // of one file; each carries its line

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

}  // namespace

ItemReader::ItemReader(std::shared_ptr<const SourceFile> file, RuleSet& set, Diagnostics& diagnostics)
    : file_(std::move(file)), set_(set), diagnostics_(diagnostics) {}

Diagnostic ItemReader::diagnostic(Severity severity, std::string_view code, const YamlNode& at, std::string message,
                                  std::string hint) const {
  const Position where = position(at);
  return {severity, std::string(code), std::move(message), std::move(hint), where, item_, shown_line(*file_, where.line)};
}

bool ItemReader::fail(std::string_view code, const YamlNode& at, std::string message, std::string hint) {
  diagnostics_.add(diagnostic(Severity::kError, code, at, std::move(message), std::move(hint)));
  return false;
}

void ItemReader::warn(std::string_view code, const YamlNode& at, std::string message, std::string hint) {
  if (++warnings_ > kMaxWarnings) return;
  if (warnings_ == kMaxWarnings) message += "; further warnings of this file are not shown";
  diagnostics_.add(diagnostic(Severity::kWarning, code, at, std::move(message), std::move(hint)));
}

bool ItemReader::charge(const YamlNode& node) {
  ++nodes_read_;
  bytes_read_ += node.scalar.size();
  if (nodes_read_ <= kMaxYamlNodes && bytes_read_ <= kMaxBytesRead) return true;
  return fail(kBadYaml, node, "the file's aliases stand for more than a rule file may hold",
              "at most " + std::to_string(kMaxYamlNodes) + " values and " + std::to_string(kMaxBytesRead >> 20U) + " MiB");
}

bool ItemReader::scalar(const YamlNode& node, std::string_view what, std::string& out) {
  if (!charge(node)) return false;
  if (node.kind == YamlNode::Kind::kNull) return fail(kBadYaml, node, quoted(what) + " has no value");
  if (node.kind != YamlNode::Kind::kScalar) return fail(kBadYaml, node, quoted(what) + " takes a single value");
  out = node.scalar;
  return true;
}

bool ItemReader::text(const YamlNode& node, std::string_view what, std::string& out) {
  if (!scalar(node, what, out)) return false;
  return !out.empty() || fail(kBadYaml, node, quoted(what) + " must not be empty");
}

bool ItemReader::source_text(const YamlNode& node, std::string_view what, SourceText& out) {
  std::string value;
  if (!text(node, what, value)) return false;
  out = SourceText(std::move(value), file_, node.offset);
  return true;
}

bool ItemReader::boolean(const YamlNode& node, std::string_view what, bool& out) {
  std::string value;
  if (!text(node, what, value)) return false;
  // YAML 1.1: each word small, with a capital, or all capitals.
  static constexpr std::pair<std::string_view, bool> kWords[] = {{"y", true},  {"yes", true}, {"true", true},   {"on", true},
                                                                 {"n", false}, {"no", false}, {"false", false}, {"off", false}};
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  for (const auto& [word, meaning] : kWords) {
    std::string capital(word);
    capital[0] = upper(capital[0]);
    std::string capitals(word);
    std::ranges::transform(capitals, capitals.begin(), upper);
    if (value != word && value != capital && value != capitals) continue;
    out = meaning;
    return true;
  }
  return fail(kBadYaml, node, quoted(what) + " takes true or false");
}

bool ItemReader::number(const YamlNode& node, std::string_view what, std::uint32_t& out) {
  std::string value;
  if (!text(node, what, value)) return false;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error == std::errc() && end == value.data() + value.size()) return true;
  return fail(kBadYaml, node, quoted(what) + " takes a number from 0 to 4294967295");
}

bool ItemReader::sequence(const YamlNode& node, std::string_view what) {
  return node.kind == YamlNode::Kind::kSequence ||
         fail(kBadYaml, node, quoted(what) + " takes a sequence", "write: " + std::string(what) + ": [a, b]");
}

bool ItemReader::texts(const YamlNode& node, std::string_view what, std::vector<std::string>& out) {
  if (!sequence(node, what)) return false;
  for (const YamlNode* element : node.children) {
    if (!charge(*element)) return false;
    if (element->kind != YamlNode::Kind::kScalar) {
      return fail(kBadYaml, *element, "an element of " + quoted(what) + " is no scalar",
                  element->kind == YamlNode::Kind::kNull ? "for the text null write 'null'" : "");
    }
    out.push_back(element->scalar);
  }
  return true;
}

void warn_unknown_key(ItemReader& reader, const YamlNode& key, const std::vector<std::string_view>& known) {
  const std::string_view near = nearest(key.scalar, known);
  reader.warn("LOAD_UNKNOWN_KEY", key, "unknown key " + quoted(key.scalar) + ", ignored",
              near.empty() ? "" : "did you mean " + std::string(near) + '?');
}

bool read_override(ItemReader& reader, const YamlNode& node, std::vector<Override>& out) {
  if (node.kind == YamlNode::Kind::kNull) return true;
  if (node.kind != YamlNode::Kind::kMap)
    return reader.fail(kBadYaml, node, "\"override\" takes a mapping", "write: override: {condition: append}");
  for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
    const YamlNode& key = *node.children[i];
    std::string operation;
    if (!reader.text(*node.children[i + 1], key.scalar, operation)) return false;
    if (operation != "append" && operation != "replace") {
      return reader.fail(kBadYaml, *node.children[i + 1], "unknown operation " + quoted(operation) + " under override",
                         "append or replace");
    }
    out.push_back({&key, operation == "append"});
  }
  return true;
}

}  // namespace shrike::lang
