// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/yaml_tree.h"

#include <algorithm>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <unordered_map>
#include <utility>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "engine/lang/utf8.h"

namespace shrike::lang {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Reads the text where it lies.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(const std::string& text) {
    char* begin = const_cast<char*>(text.data());  // streambuf wants it so; nothing writes
    setg(begin, begin, begin + text.size());
  }
};

// Thrown through yaml-cpp, caught in parse_yaml.
class Refusal final : public std::exception {
 public:
  explicit Refusal(YamlError error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const YamlError& error() const { return error_; }

 private:
  YamlError error_;
};

// yaml-cpp repairs bad UTF-8, ends a file at a NUL and drops U+0004: a reader would see another text than it does.
std::optional<YamlError> check_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == 0) return YamlError{true, "a NUL byte", "rule files are UTF-8 text", at};
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
      return YamlError{true, "a control character", "only tabs and line ends may stand in a rule file; in quotes write \\x..",
                       at};
    }
    const std::size_t size = utf8_size(text, at);
    if (size == 0) return YamlError{true, "not valid UTF-8", "rule files are UTF-8 text", at};
    at += size;
  }
  return std::nullopt;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::size_t base, YamlTree& tree) : text_(text), base_(base), tree_(tree) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    anchors_.clear();
    // yaml-cpp does not get past a comma between documents: it finds an empty one before it, for ever.
    if (started_ && mark.pos == *started_)
      throw Refusal({true, "not valid YAML: a value or \"---\" is missing", {}, offset_of(mark)});
    started_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { place(make(YamlNode::Kind::kNull, mark, anchor)); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    YamlNode& node = make(YamlNode::Kind::kScalar, mark, anchor);
    node.scalar = value;
    place(node);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::kSequence, mark, anchor));
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::kMap, mark, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override {
    check_keys(*open_.back());
    close();
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::size_t offset = offset_of(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse("an alias without its anchor", {}, offset);
    if (std::ranges::find(open_, found->second) != open_.end()) refuse("an alias inside its own anchor", {}, offset);
    place(*found->second);
  }

 private:
  [[noreturn]] static void refuse(std::string message, std::string hint, std::size_t offset) {
    throw Refusal({false, std::move(message), std::move(hint), offset});
  }

  std::size_t offset_of(const YAML::Mark& mark) const {
    const std::size_t at = mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos) + base_;
    return std::min(at, text_.size());
  }

  // A mark names the anchor or tag before a node.
  std::size_t skip_properties(std::size_t at) const {
    const auto blank = [&](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (at < text_.size() && (text_[at] == '&' || text_[at] == '!')) {
      std::size_t next = at;
      while (next < text_.size() && !blank(text_[next])) ++next;
      while (next < text_.size() && (blank(text_[next]) || text_[next] == '#')) {
        if (text_[next] == '#') {
          while (next < text_.size() && text_[next] != '\n') ++next;
        } else {
          ++next;
        }
      }
      if (next >= text_.size()) break;
      at = next;
    }
    return at;
  }

  YamlNode& make(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const std::size_t offset = offset_of(mark);
    if (tree_.nodes.size() >= kMaxYamlNodes)
      refuse("more than " + std::to_string(kMaxYamlNodes) + " YAML nodes in one file", {}, offset);
    YamlNode& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.offset = kind == YamlNode::Kind::kNull ? offset : skip_properties(offset);
    if (anchor != 0) anchors_[anchor] = &node;
    return node;
  }

  void place(const YamlNode& node) {
    if (open_.empty()) {
      tree_.documents.push_back(&node);
    } else {
      open_.back()->children.push_back(&node);
    }
  }

  void open(YamlNode& node) {
    place(node);
    open_.push_back(&node);
    if (open_.size() > kMaxYamlDepth)
      refuse("YAML nested deeper than " + std::to_string(kMaxYamlDepth) + " levels", {}, node.offset);
  }

  void close() { open_.pop_back(); }

  static void check_keys(const YamlNode& map) {
    std::vector<const YamlNode*> keys;
    for (std::size_t i = 0; i + 1 < map.children.size(); i += 2) {
      if (map.children[i]->kind != YamlNode::Kind::kScalar)
        refuse("the key of a mapping is no text", {}, map.children[i]->offset);
      keys.push_back(map.children[i]);
    }
    std::ranges::sort(keys, {}, [](const YamlNode* key) { return std::pair(std::string_view(key->scalar), key->offset); });
    const auto twice = std::ranges::adjacent_find(keys, {}, &YamlNode::scalar);
    if (twice == keys.end()) return;
    refuse("key \"" + (*twice)->scalar + "\" stands twice in one mapping", "keep one of the two", (*std::next(twice))->offset);
  }

  std::string_view text_;
  std::size_t base_;
  YamlTree& tree_;
  std::optional<int> started_;  // where the last document did
  std::vector<YamlNode*> open_;
  std::unordered_map<YAML::anchor_t, YamlNode*> anchors_;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  if (kind != Kind::kMap) return nullptr;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    if (children[i]->scalar == key) return children[i + 1];
  }
  return nullptr;
}

std::expected<YamlTree, YamlError> parse_yaml(const SourceFile& file) {
  if (auto error = check_text(file.text)) return std::unexpected(*std::move(error));
  // yaml-cpp counts bytes from behind the byte order mark.
  const std::size_t base = file.text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  YamlTree tree;
  try {
    ViewBuffer buffer(file.text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    TreeBuilder builder(file.text, base, tree);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    return std::unexpected(refusal.error());
  } catch (const YAML::Exception& error) {
    const std::size_t at = error.mark.pos < 0 ? 0 : static_cast<std::size_t>(error.mark.pos) + base;
    // What ends too early is shown behind the last thing that stands there, not on an empty line.
    std::size_t shown = std::min(at, file.text.size());
    if (shown == file.text.size()) {
      while (shown > 0 && (file.text[shown - 1] == '\n' || file.text[shown - 1] == ' ' || file.text[shown - 1] == '\r')) --shown;
    }
    return std::unexpected(YamlError{true, "not valid YAML: " + error.msg, {}, shown});
  } catch (const std::exception& error) {
    return std::unexpected(YamlError{true, std::string("not valid YAML: ") + error.what(), {}, 0});
  }
  return tree;
}

}  // namespace shrike::lang
