// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/yaml_tree.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <unordered_map>
#include <unordered_set>
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

// Thrown through yaml-cpp, caught in read_yaml.
class Refusal final : public std::exception {
 public:
  explicit Refusal(YamlError error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const YamlError& error() const { return error_; }

 private:
  YamlError error_;
};

// Bytes at `at` that are printable ASCII or a line end for sure; most of a file, eight at a time.
std::size_t plain_size(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  std::size_t size = 0;
  for (std::uint64_t word = 0; at + size + sizeof word <= text.size(); size += sizeof word) {
    std::memcpy(&word, text.data() + at + size, sizeof word);
    const std::uint64_t newlines = word ^ (kEach * '\n');
    // In each byte the high bit: below 0x20, except for a line end; or not ASCII.
    const std::uint64_t low = (word - kEach * 0x20) & ~word;
    const std::uint64_t newline = (newlines - kEach) & ~newlines;
    if (((low & ~newline) | word) & (kEach * 0x80)) break;
  }
  return size;
}

// yaml-cpp repairs bad UTF-8, ends a file at a NUL and drops U+0004: a reader would see another text than it does.
std::optional<YamlError> check_text(std::string_view text) {
  for (std::size_t at = plain_size(text, 0); at < text.size(); at += plain_size(text, at)) {
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

// What yaml-cpp would take seconds to read before it is refused: found by a glance.
std::optional<YamlError> check_size(std::string_view text) {
  const auto separators = static_cast<std::size_t>(std::ranges::count(text, '\n') + std::ranges::count(text, ','));
  if (separators > kMaxYamlSeparators) {
    return YamlError{false, "more than " + std::to_string(kMaxYamlSeparators) + " lines and commas in one file",
                     "split it into several files", 0};
  }
  for (std::size_t at = 0; at + kMaxYamlRun <= text.size(); at += kMaxYamlRun) {
    const std::string_view run = text.substr(at, kMaxYamlRun);
    if (!run.contains('\n') && !run.contains(','))
      return YamlError{false,
                       "more than " + std::to_string(kMaxYamlRun >> 20U) + " MiB without a line end or a comma",
                       {},
                       text.substr(0, at).find_last_of("\n,") + 1};
  }
  return std::nullopt;
}

// Is the quoted scalar that begins at `at` closed?
bool is_closed(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    const bool doubled = quote == '\'' && text.substr(i, 2) == "''";
    if (doubled || (quote == '"' && text[i] == '\\')) {
      ++i;
    } else if (text[i] == quote) {
      return true;
    }
  }
  return false;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  // Without `piece` the tree is kept.
  TreeBuilder(std::string_view text, std::size_t base, YamlTree& tree, const std::function<void(const YamlPiece&)>& piece)
      : text_(text), base_(base), tree_(tree), piece_(piece) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    anchors_.clear();
    if (piece_) tree_.nodes.clear();
    // yaml-cpp does not get past a comma between documents: it finds an empty one before it, for ever.
    if (started_ && mark.pos == *started_)
      throw Refusal({true, "not valid YAML: a value or \"---\" is missing", {}, offset_of(mark)});
    started_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode& node = make(YamlNode::Kind::kNull, mark, anchor);
    // Of a key without a value yaml-cpp names the place where it gave up, a line further down.
    const bool is_value = !open_.empty() && open_.back()->kind == YamlNode::Kind::kMap && open_.back()->children.size() % 2 == 1;
    if (is_value) node.offset = open_.back()->children.back()->offset;
    place(node);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    YamlNode& node = make(YamlNode::Kind::kScalar, mark, anchor);
    node.scalar = value;
    // Without quotes an empty text has no place of its own.
    if (value.empty() && (node.offset == text_.size() || !std::string_view("\"'|>").contains(text_[node.offset])))
      node.offset = offset_of(mark);
    last_scalar_ = node.offset;
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
    YamlNode& map = *open_.back();
    check_keys(map);
    merge(map);
    close();
  }

  // yaml-cpp takes the end of the file for the closing quote: a file that was cut off would pass.
  void check_end() const {
    if (last_scalar_ >= text_.size() || (text_[last_scalar_] != '"' && text_[last_scalar_] != '\'')) return;
    if (!is_closed(text_, last_scalar_)) throw Refusal({true, "not valid YAML: the quote is not closed", {}, last_scalar_});
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
      // `&a[]`, `!t"x"`: what follows may stand right behind. A verbatim tag, !<…>, has other letters.
      std::size_t next = text_.substr(at).starts_with("!<") ? std::min(text_.find('>', at), text_.size() - 1) + 1 : at;
      while (next < text_.size() && !blank(text_[next]) && !std::string_view("[]{},").contains(text_[next])) ++next;
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
    count(1, offset);
    YamlNode& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.offset = kind == YamlNode::Kind::kNull ? offset : skip_properties(offset);
    if (anchor != 0) anchors_[anchor] = &node;
    return node;
  }

  void count(std::size_t nodes, std::size_t offset) {
    counted_ += nodes;
    if (counted_ > kMaxYamlNodes) refuse("more than " + std::to_string(kMaxYamlNodes) + " YAML nodes in one file", {}, offset);
  }

  // A scalar or an alias is whole here; an opened sequence or map is when it closes.
  void place(const YamlNode& node) {
    if (piece_ && (open_.empty() || at_item())) {
      hand_out(node);
    } else if (open_.empty()) {
      tree_.documents.push_back(&node);
    } else {
      open_.back()->children.push_back(&node);
    }
  }

  bool at_item() const { return open_.size() == 1 && open_.front()->kind == YamlNode::Kind::kSequence; }

  void hand_out(const YamlNode& node) {
    const bool item = at_item();
    if (!item && node.kind == YamlNode::Kind::kSequence) return;  // its elements were
    piece_({node, item});
    // Of an item nothing is needed any more, unless an alias may come. The first node is the open sequence.
    if (item && anchors_.empty()) tree_.nodes.resize(1);
  }

  void open(YamlNode& node) {
    open_.push_back(&node);
    if (open_.size() > kMaxYamlDepth)
      refuse("YAML nested deeper than " + std::to_string(kMaxYamlDepth) + " levels", {}, node.offset);
  }

  void close() {
    const YamlNode& node = *open_.back();
    open_.pop_back();
    place(node);
  }

  // `<<: *base`: the map has base's keys too, as far as it does not have them itself; of several bases the first one wins.
  void merge(YamlNode& map) {
    for (std::size_t i = 0; i + 1 < map.children.size(); i += 2) {
      if (map.children[i]->scalar != "<<") continue;
      const YamlNode& bases = *map.children[i + 1];
      const auto at = map.children.begin() + static_cast<std::ptrdiff_t>(i);
      map.children.erase(at, at + 2);
      std::unordered_set<std::string_view> keys;
      for (std::size_t key = 0; key + 1 < map.children.size(); key += 2) keys.insert(map.children[key]->scalar);
      if (bases.kind == YamlNode::Kind::kMap) return add_missing(map, bases, keys);
      const bool maps = bases.kind == YamlNode::Kind::kSequence && std::ranges::all_of(bases.children, [](const YamlNode* base) {
                          return base->kind == YamlNode::Kind::kMap;
                        });
      if (!maps) refuse("a merge key takes a mapping, or a sequence of them", "write: <<: *anchor", bases.offset);
      for (const YamlNode* base : bases.children) add_missing(map, *base, keys);
      return;
    }
  }

  void add_missing(YamlNode& map, const YamlNode& base, std::unordered_set<std::string_view>& keys) {
    count(base.children.size(), map.offset);
    for (std::size_t i = 0; i + 1 < base.children.size(); i += 2) {
      if (keys.insert(base.children[i]->scalar).second)
        map.children.insert(map.children.end(), {base.children[i], base.children[i + 1]});
    }
  }

  static void check_keys(const YamlNode& map) {
    std::vector<const YamlNode*> keys;
    for (std::size_t i = 0; i + 1 < map.children.size(); i += 2) {
      if (map.children[i]->kind != YamlNode::Kind::kScalar)
        refuse("the key of a mapping is no text", {}, map.children[i]->offset);
      // Each alias of a key is read, sorted and quoted at its full length.
      if (map.children[i]->scalar.size() > kMaxYamlKey)
        refuse("the key of a mapping is longer than " + std::to_string(kMaxYamlKey) + " bytes", {}, map.children[i]->offset);
      keys.push_back(map.children[i]);
    }
    std::ranges::sort(keys, {}, [](const YamlNode* key) { return std::pair(std::string_view(key->scalar), key->offset); });
    const auto twice = std::ranges::adjacent_find(keys, {}, &YamlNode::scalar);
    if (twice == keys.end()) return;
    refuse("key \"" + (*twice)->scalar + "\" stands twice in one mapping", "keep one of the two", (*std::next(twice))->offset);
  }

  std::string_view text_;
  std::size_t base_;
  YamlTree& tree_;  // while pieces are handed out, what is still needed of the document
  const std::function<void(const YamlPiece&)>& piece_;
  std::size_t counted_ = 0;      // nodes of the file
  std::size_t last_scalar_ = 0;  // where it begins
  std::optional<int> started_;   // where the last document did
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

namespace {

std::optional<YamlError> build(const SourceFile& file, YamlTree& tree, const std::function<void(const YamlPiece&)>& piece) {
  if (auto error = check_size(file.text)) return error;
  if (auto error = check_text(file.text)) return error;
  // yaml-cpp counts bytes from behind the byte order mark.
  const std::size_t base = file.text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  try {
    ViewBuffer buffer(file.text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    TreeBuilder builder(file.text, base, tree, piece);
    while (parser.HandleNextDocument(builder)) {
    }
    builder.check_end();
  } catch (const Refusal& refusal) {
    return refusal.error();
  } catch (const YAML::Exception& error) {
    const std::size_t at = error.mark.pos < 0 ? 0 : static_cast<std::size_t>(error.mark.pos) + base;
    // What ends too early is shown behind the last thing that stands there, not on an empty line.
    std::size_t shown = std::min(at, file.text.size());
    if (shown == file.text.size()) {
      while (shown > 0 && (file.text[shown - 1] == '\n' || file.text[shown - 1] == ' ' || file.text[shown - 1] == '\r')) --shown;
    }
    return YamlError{true, "not valid YAML: " + error.msg, {}, shown};
  } catch (const std::exception& error) {
    return YamlError{true, std::string("not valid YAML: ") + error.what(), {}, 0};
  }
  return std::nullopt;
}

}  // namespace

std::expected<YamlTree, YamlError> parse_yaml(const SourceFile& file) {
  YamlTree tree;
  if (auto error = build(file, tree, {})) return std::unexpected(*std::move(error));
  return tree;
}

std::optional<YamlError> read_yaml(const SourceFile& file, const std::function<void(const YamlPiece&)>& piece) {
  YamlTree tree;
  return build(file, tree, piece);
}

}  // namespace shrike::lang
