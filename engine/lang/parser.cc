// SPDX-License-Identifier: Apache-2.0
// The grammar has no tokens of its own: what a letter means depends on where it stands (`in` may be an operator, a value or a
// macro), and every match is the longest at its place. So the parser reads bytes, and there is no lexer.
//
// A failure is kept in error_ and passed up as a null pointer or false: frames stay small, which a depth of 1000 needs.
#include "engine/lang/parser.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "engine/lang/diagnostic.h"

namespace shrike::lang {
namespace {

constexpr std::string_view kTransformers[] = {"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"};

struct OperatorWord {
  std::string_view text;
  Operator op;
};
// In the order in which they are tried: the longer of two with the same start comes first.
constexpr OperatorWord kNumberOperators[] = {
    {"<=", Operator::kLessEqual}, {"<", Operator::kLess}, {">=", Operator::kGreaterEqual}, {">", Operator::kGreater}};
constexpr OperatorWord kSymbolOperators[] = {{"==", Operator::kEqual}, {"=", Operator::kEqual}, {"!=", Operator::kNotEqual}};
constexpr OperatorWord kWordOperators[] = {{"glob", Operator::kGlob},
                                           {"iglob", Operator::kIglob},
                                           {"contains", Operator::kContains},
                                           {"icontains", Operator::kIcontains},
                                           {"bcontains", Operator::kBcontains},
                                           {"startswith", Operator::kStartswith},
                                           {"bstartswith", Operator::kBstartswith},
                                           {"endswith", Operator::kEndswith},
                                           {"regex", Operator::kRegex}};
constexpr OperatorWord kListOperators[] = {
    {"intersects", Operator::kIntersects}, {"in", Operator::kIn}, {"pmatch", Operator::kPmatch}};
constexpr std::pair<std::string_view, Modifier> kModifiers[] = {
    {"oneof", Modifier::kOneof}, {"anyof", Modifier::kAnyof}, {"allof", Modifier::kAllof}};

constexpr std::string_view kOperatorList =
    "= != < <= > >= exists contains icontains startswith endswith glob iglob regex in intersects pmatch bcontains bstartswith";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\b' || c == '\r' || c == '\n'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }
bool is_quote(char c) { return c == '"' || c == '\''; }
// Form feed and vertical tab end a bare text, but are no blanks.
bool is_space(char c) { return is_blank(c) || c == '\f' || c == '\v'; }
bool is_bare(char c) { return !is_space(c) && !is_quote(c) && c != '(' && c != ')' && c != '=' && c != ','; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

unsigned hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  return static_cast<unsigned>((c | 0x20) - 'a' + 10);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::expected<ExprPtr, ParseError> run() {
    if (text_.size() > std::numeric_limits<std::uint32_t>::max())
      return std::unexpected(ParseError{"the condition is too long", {}, 0});
    skip_blanks();
    if (at_end()) return std::unexpected(ParseError{"the condition is empty", "write a check: proc.name = cat", 0});
    ExprPtr expr = parse_or();
    if (expr) {
      skip_blanks();
      if (!at_end()) {
        fail_after_check();
        expr = nullptr;
      }
    }
    if (!expr) return std::unexpected(std::move(error_));
    return expr;
  }

  // Without its index if what follows is none.
  std::expected<TransformPrefix, ParseError> run_transform() {
    TransformPrefix prefix;
    if (!parse_call(prefix.transform)) return std::unexpected(std::move(error_));
    prefix.size = prefix.call_size = at_;
    std::optional<std::string> index;
    if (!parse_index(index)) return prefix;
    prefix.transform.index = std::move(index);
    prefix.transform.span = span_from(0);
    prefix.size = at_;
    return prefix;
  }

  std::optional<BracketPrefix> run_bracket() {
    std::optional<std::string> index;
    if (!parse_index(index) || !index) return std::nullopt;
    return BracketPrefix{*std::move(index), at_};
  }

  bool starts_transformer() const { return !transformer_name().empty(); }

 private:
  // --- the text

  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::string_view rest() const { return text_.substr(at_); }
  bool next_is(std::string_view word) const { return rest().starts_with(word); }

  bool skip_blanks() {
    const std::size_t start = at_;
    while (!at_end() && is_blank(text_[at_])) ++at_;
    return at_ != start;
  }

  bool take(std::string_view word) {
    if (!next_is(word)) return false;
    at_ += word.size();
    return true;
  }

  std::string_view word_at(std::size_t at) const {
    std::size_t end = at;
    while (end < text_.size() && is_word(text_[end])) ++end;
    return text_.substr(at, end - at);
  }

  Span span_from(std::size_t begin) const { return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at_)}; }

  // --- failures

  void fail(std::string message, std::string hint, std::size_t offset) {
    if (failed_) return;
    failed_ = true;
    if (offset >= text_.size()) {  // behind the last letter, not behind the line end that YAML left
      offset = text_.size();
      while (offset > 0 && is_blank(text_[offset - 1])) --offset;
    }
    error_ = {std::move(message), std::move(hint), offset};
  }

  // `size` bytes at `at`, or a few more: no letter is cut.
  std::size_t whole_letters(std::size_t at, std::size_t size) const {
    while (at + size < text_.size() && (static_cast<unsigned char>(text_[at + size]) & 0xc0U) == 0x80) ++size;
    return size;
  }

  // What stands here, as a message names it.
  std::string found() const {
    if (at_end()) return "the end of the condition";
    std::size_t end = at_;
    while (end < text_.size() && is_bare(text_[end])) ++end;
    constexpr std::size_t kMost = 40;
    const std::size_t size = whole_letters(at_, std::clamp<std::size_t>(end - at_, 1, kMost));
    const char first = text_[at_];
    if (first == '"') return "'\"'";
    return '"' + std::string(text_.substr(at_, size)) + (end - at_ > kMost ? "…\"" : "\"");
  }

  void fail_expected(std::string_view what, std::string hint = {}) {
    fail("expected " + std::string(what) + ", found " + found(), std::move(hint), at_);
  }

  // Keywords in other letters or from other languages; empty if it is none.
  std::string keyword_hint() const {
    if (next_is("&&") || next_is("&")) return "write: and";
    if (next_is("||") || next_is("|")) return "write: or";
    if (next_is("!") && !next_is("!=")) return "write: not";
    const std::string_view word = word_at(at_);
    const std::string low = lower(word);
    if (low != word && (low == "and" || low == "or" || low == "not")) return "keywords are lower-case: " + low;
    return {};
  }

  // A whole check is read and something follows that joins nothing.
  void fail_after_check() {
    std::string hint = keyword_hint();
    const std::string_view word = word_at(at_);
    if (!hint.empty()) {
    } else if (peek() == ')') {
      fail("\")\" without its \"(\"", {}, at_);
      return;
    } else if (glued_end_ == at_ && at_ > 0 && (word == "and" || word == "or")) {
      hint = "a group right behind and/or ends the operand: put a blank before its \"(\"";
    } else if (peek() == '(' && std::ranges::find(kTransformers, last_word_) != std::end(kTransformers)) {
      hint = "no blank before the \"(\" of " + std::string(last_word_) + "()";
    } else if (last_ == Last::kValue && (peek() == '=' || peek() == ',' || peek() == '(' || is_quote(peek()))) {
      hint = peek() == ',' ? "one value only; a list goes with in (…), or quote the value if the comma belongs to it"
                           : "a value with blanks or one of = , ( ) \" ' goes in quotes";
    } else if (last_ == Last::kValue && peek() == '[') {
      hint = "a value with blanks goes in quotes";
    } else if (last_ == Last::kIdentifier &&
               (peek() == '=' || peek() == '<' || peek() == '>' || next_is("!=") || is_operator_word(word))) {
      hint = '"' + std::string(last_word_) + "\" is no field: names of fields have a dot, as in proc.name";
    } else if (last_ == Last::kIdentifier && last_word_ == "val" && peek() == '(') {
      hint = "val() stands on the right side only";
    } else if (last_ == Last::kExists) {
      hint = "exists takes no value";
    } else if (last_ == Last::kListName && peek() == '(') {
      hint = is_modifier(last_word_) ? "modifiers go with = != contains startswith endswith glob regex and their kin, not with in"
                                     : "the list goes in parentheses: in (…)";
    } else if (last_ == Last::kListName && peek() == ',') {
      hint = "a list goes in parentheses: in (…)";
    } else if (last_ == Last::kNumber && (peek() == 'e' || peek() == 'E')) {
      hint = "an exponent has a sign: 1e+3";
    } else if (word == "not") {
      hint = "write: and not";
    } else if (last_ == Last::kIdentifier && lower(last_word_) == "not") {
      hint = "keywords are lower-case: not";
    }
    fail_expected(depth_ > 0 ? "\"and\", \"or\" or \")\"" : "\"and\", \"or\" or the end", std::move(hint));
  }

  static bool is_modifier(std::string_view word) {
    return std::ranges::any_of(kModifiers, [&](const auto& modifier) { return modifier.first == word; });
  }

  static bool is_operator_word(std::string_view word) {
    const auto is = [&](const OperatorWord& op) { return op.text == word; };
    return word == "exists" || std::ranges::any_of(kWordOperators, is) || std::ranges::any_of(kListOperators, is);
  }

  // No operator behind a field.
  void fail_operator(std::string_view operand, std::size_t operand_end) {
    const std::string left(operand);
    const std::string_view word = word_at(at_);
    const std::string low = lower(word);
    std::string hint;
    if (word == "not") {
      std::size_t next = at_ + word.size();
      while (next < text_.size() && is_blank(text_[next])) ++next;
      const std::string_view op = word_at(next);
      hint = "write: not " + left +
             (is_operator_word(op) ? ' ' + std::string(op) + (op == "in" || op == "pmatch" || op == "intersects" ? " (…)" : " …")
                                   : " = …");
    } else if (at_ == operand_end && peek() == '.' && is_word(peek(1))) {
      std::size_t end = at_ + 1;
      while (end < text_.size() && is_word(text_[end])) ++end;
      hint = "write: " + left + '[' + std::string(text_.substr(at_ + 1, end - at_ - 1)) + ']';
    } else if (peek() == '[') {
      hint = "no blank before \"[\"";
    } else if (next_is("=~") || next_is("~")) {
      hint = "write: regex";
    } else if (low != word && is_operator_word(low)) {
      hint = "operators are lower-case: " + low;
    } else if (is_operator_word(word)) {
      hint = "put a blank after " + std::string(word);
    } else if (std::string keyword = keyword_hint(); !keyword.empty()) {
      hint = next_is("!") ? std::string("write: !=") : std::move(keyword);
    } else if (at_end() || word == "and" || word == "or" || peek() == ')') {
      hint = "a field alone is no check; write: " + left + " exists";
    } else if (peek() == '(') {
      hint = left + " takes no arguments in parentheses";
    } else if (!word.empty()) {
      std::vector<std::string_view> names = {"exists"};
      for (const OperatorWord& op : kWordOperators) names.push_back(op.text);
      for (const OperatorWord& op : kListOperators) names.push_back(op.text);
      const std::string_view near = nearest(word, names);
      hint = near.empty() ? "operators: " + std::string(kOperatorList) : "did you mean " + std::string(near) + '?';
    }
    fail("expected an operator after " + left + ", found " + found(), std::move(hint), at_);
  }

  // --- groups

  // Counts nesting while it lives.
  class Level {
   public:
    explicit Level(Parser& parser, std::size_t at) : parser_(parser) {
      if (++parser_.depth_ > kMaxDepth) {
        parser_.fail("nested deeper than " + std::to_string(kMaxDepth) + " levels", "split the condition into macros", at);
      }
    }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    bool ok() const { return !parser_.failed_; }

   private:
    Parser& parser_;
  };

  template <class Group>
  static ExprPtr group(std::vector<ExprPtr> operands, std::size_t begin) {
    if (operands.size() == 1) return std::move(operands.front());
    auto expr = std::make_unique<Expr>();
    expr->span = {static_cast<std::uint32_t>(begin), operands.back()->span.end};
    expr->node = Group{std::move(operands)};
    return expr;
  }

  // `word Tail` where Tail is a blank and an operand, or a group right behind the word; the group then is the whole operand.
  template <class Operand>
  bool parse_tail(std::string_view word, std::vector<ExprPtr>& operands, Operand operand) {
    ExprPtr next;
    if (skip_blanks()) {
      next = operand();
    } else if (peek() == '(') {
      next = parse_group();
      if (next) {
        skip_blanks();
        glued_end_ = at_;
      }
    } else {
      fail("expected a blank or \"(\" after \"" + std::string(word) + "\", found " + found(), {}, at_);
    }
    if (!next) return false;
    operands.push_back(std::move(next));
    return true;
  }

  ExprPtr parse_or() {
    skip_blanks();
    const std::size_t begin = at_;
    std::vector<ExprPtr> operands;
    operands.push_back(parse_and());
    if (!operands.back()) return nullptr;
    for (skip_blanks(); take("or"); skip_blanks()) {
      if (!parse_tail("or", operands, [&] { return parse_and(); })) return nullptr;
    }
    return group<Or>(std::move(operands), begin);
  }

  ExprPtr parse_and() {
    skip_blanks();
    const std::size_t begin = at_;
    std::vector<ExprPtr> operands;
    operands.push_back(parse_not());
    if (!operands.back()) return nullptr;
    for (skip_blanks(); take("and"); skip_blanks()) {
      if (!parse_tail("and", operands, [&] { return parse_not(); })) return nullptr;
    }
    return group<And>(std::move(operands), begin);
  }

  ExprPtr parse_not() {
    skip_blanks();
    const std::size_t begin = at_;
    bool negated = false;
    while (next_is("not") && is_blank(peek(3))) {
      at_ += 3;
      skip_blanks();
      negated = !negated;
    }
    ExprPtr expr;
    if (next_is("not(")) {
      at_ += 3;
      negated = !negated;
      expr = parse_group();
    } else {
      expr = parse_check();
    }
    if (!expr || !negated) return expr;
    auto outer = std::make_unique<Expr>();
    outer->span = {static_cast<std::uint32_t>(begin), expr->span.end};
    outer->node = Not{std::move(expr)};
    return outer;
  }

  ExprPtr parse_group() {
    const std::size_t open = at_;
    ++at_;
    const Level level(*this, open);
    if (!level.ok()) return nullptr;
    skip_blanks();
    if (peek() == ')') {
      fail("an empty group", "write a check between the parentheses", at_);
      return nullptr;
    }
    ExprPtr expr = parse_or();
    if (!expr) return nullptr;
    skip_blanks();
    if (at_end()) {
      fail("\"(\" is never closed", "add a \")\"", open);
      return nullptr;
    }
    if (peek() != ')') {
      fail_after_check();
      return nullptr;
    }
    ++at_;
    return expr;
  }

  // --- checks

  enum class Last { kNone, kIdentifier, kValue, kNumber, kExists, kListName };

  ExprPtr parse_check() {
    if (peek() == '(') return parse_group();
    const std::size_t begin = at_;
    last_ = Last::kNone;
    last_word_ = {};
    Compare compare;
    if (starts_field()) {
      FieldRef field;
      if (!parse_field(field)) return nullptr;
      compare.left = std::move(field);
    } else if (starts_transformer()) {
      Transform transform;
      if (!parse_transformer(transform)) return nullptr;
      compare.left = std::move(transform);
    } else {
      return parse_identifier();
    }
    if (!parse_test(compare, begin)) return nullptr;
    auto expr = std::make_unique<Expr>();
    expr->span = span_from(begin);
    expr->node = std::move(compare);
    return expr;
  }

  ExprPtr parse_identifier() {
    const std::size_t begin = at_;
    const std::string_view name = is_alpha(peek()) ? word_at(at_) : std::string_view();
    if (name.empty()) {
      std::string hint = keyword_hint();
      if (hint.empty() && is_quote(peek())) hint = "a check starts with a field: proc.name = \"…\"";
      fail_expected("a check, a macro or \"(\"", std::move(hint));
      return nullptr;
    }
    at_ += name.size();
    last_ = Last::kIdentifier;
    last_word_ = name;
    auto expr = std::make_unique<Expr>();
    expr->span = span_from(begin);
    expr->node = MacroRef{std::string(name)};
    return expr;
  }

  std::size_t field_size() const {
    if (!is_alpha(peek())) return 0;
    std::size_t end = at_ + word_at(at_).size();
    bool dotted = false;
    while (end + 1 < text_.size() && text_[end] == '.' && is_alpha(text_[end + 1])) {
      end += 1 + word_at(end + 1).size();
      dotted = true;
    }
    return dotted ? end - at_ : 0;
  }
  bool starts_field() const { return field_size() > 0; }

  std::string_view transformer_name() const {
    for (const std::string_view name : kTransformers) {
      if (next_is(name) && peek(name.size()) == '(') return name;
    }
    return {};
  }
  // `[argument]`, if one follows.
  bool parse_index(std::optional<std::string>& argument) {
    if (peek() != '[') return true;
    const std::size_t open = at_++;
    if (is_quote(peek())) {
      Literal literal;
      if (!parse_quoted(literal)) return false;
      argument = std::move(literal.text);
    } else {
      const std::size_t begin = at_;
      while (!at_end() && !is_space(peek()) && !is_quote(peek()) && peek() != '[' && peek() != ']') ++at_;
      if (at_ == begin) {
        if (at_end()) {
          fail("\"[\" is never closed", {}, open);
        } else {
          fail_expected("an argument", is_blank(peek()) ? "no blank inside the brackets" : "");
        }
        return false;
      }
      argument = std::string(text_.substr(begin, at_ - begin));
    }
    if (take("]")) return true;
    if (at_end()) {
      fail("\"[\" is never closed", {}, open);
    } else {
      fail_expected("\"]\"", is_blank(peek()) ? "no blank inside the brackets; an argument with blanks goes in quotes" : "");
    }
    return false;
  }

  bool parse_field(FieldRef& field) {
    const std::size_t begin = at_;
    const std::size_t size = field_size();
    field.name = std::string(text_.substr(at_, size));
    at_ += size;
    if (!parse_index(field.argument)) return false;
    field.span = span_from(begin);
    return true;
  }

  bool parse_transformer(Transform& transform) {
    const std::size_t begin = at_;
    if (!parse_call(transform) || !parse_index(transform.index)) return false;
    transform.span = span_from(begin);
    return true;
  }

  // Up to its ")".
  bool parse_call(Transform& transform) {
    const std::size_t begin = at_;
    const Level level(*this, begin);
    if (!level.ok()) return false;
    const std::string_view name = transformer_name();
    transform.name = std::string(name);
    at_ += name.size();
    const std::size_t open = at_++;
    while (true) {
      skip_blanks();
      TransformArgument argument;
      if (!parse_transform_argument(argument, true)) return false;
      transform.arguments.push_back(std::move(argument));
      skip_blanks();
      if (take(",")) continue;
      if (take(")")) break;
      if (at_end()) {
        fail("\"(\" is never closed", "add a \")\"", open);
      } else {
        fail_expected("\",\" or \")\"");
      }
      return false;
    }
    transform.span = span_from(begin);
    return true;
  }

  bool parse_transform_argument(TransformArgument& argument, bool list_allowed) {
    if (is_quote(peek())) {
      Literal literal;
      if (!parse_quoted(literal)) return false;
      argument.node = std::move(literal);
      return true;
    }
    if (number_size() > 0) {
      Literal literal;
      if (!parse_plain(literal, number_size())) return false;
      argument.node = std::move(literal);
      return true;
    }
    if (list_allowed && peek() == '(') return parse_transform_list(argument);
    if (starts_transformer()) {
      auto inner = std::make_unique<Transform>();
      if (!parse_transformer(*inner)) return false;
      argument.node = std::move(inner);
      return true;
    }
    if (starts_field()) {
      FieldRef field;
      if (!parse_field(field)) return false;
      argument.node = std::move(field);
      return true;
    }
    fail_expected("a field, a number, a quoted text or a transformer",
                  is_word(peek()) ? "texts inside transformers go in quotes" : "");
    return false;
  }

  bool parse_transform_list(TransformArgument& argument) {
    const std::size_t open = at_++;
    TransformList list;
    skip_blanks();
    if (!take(")")) {
      while (true) {
        skip_blanks();
        TransformArgument item;
        if (!parse_transform_argument(item, false)) return false;
        list.items.push_back(std::move(item));
        skip_blanks();
        if (take(",")) continue;
        if (take(")")) break;
        if (at_end()) {
          fail("\"(\" is never closed", "add a \")\"", open);
        } else {
          fail_expected("\",\" or \")\"");
        }
        return false;
      }
    }
    argument.node = std::move(list);
    return true;
  }

  // --- operators

  template <std::size_t N>
  const OperatorWord* take_operator(const OperatorWord (&words)[N], bool blank_after) {
    for (const OperatorWord& word : words) {
      if (!next_is(word.text) || (blank_after && !is_blank(peek(word.text.size())))) continue;
      at_ += word.text.size();
      return &word;
    }
    return nullptr;
  }

  bool parse_test(Compare& compare, std::size_t operand_begin) {
    const std::size_t operand_end = at_;
    skip_blanks();
    const std::size_t begin = at_;
    if (take("exists")) {
      compare.op = Operator::kExists;
      compare.op_span = span_from(begin);
      last_ = Last::kExists;
      return true;
    }
    const auto set = [&](const OperatorWord& word) {
      compare.op = word.op;
      compare.op_span = span_from(begin);
    };
    if (const auto* number_op = take_operator(kNumberOperators, false)) {
      set(*number_op);
      return parse_number_rhs(compare);
    }
    const auto* string_op = take_operator(kSymbolOperators, false);
    if (string_op == nullptr) string_op = take_operator(kWordOperators, true);
    if (string_op != nullptr) {
      set(*string_op);
      return parse_string_rhs(compare);
    }
    if (const auto* list_op = take_operator(kListOperators, false)) {
      set(*list_op);
      return parse_list_rhs(compare);
    }
    fail_operator(text_.substr(operand_begin, operand_end - operand_begin), operand_end);
    return false;
  }

  // val(field) or a transformer. `taken` tells whether one stood here.
  bool parse_rhs_call(Compare& compare, bool& taken) {
    taken = true;
    if (take("val(")) {
      skip_blanks();
      if (!starts_field()) {
        fail_expected("a field in val()", starts_transformer() ? "a transformer needs no val(): drop it" : "");
        return false;
      }
      ValueOf value;
      if (!parse_field(value.field)) return false;
      skip_blanks();
      if (!take(")")) {
        fail_expected("\")\"");
        return false;
      }
      compare.right = std::move(value);
      return true;
    }
    if (starts_transformer()) {
      Transform transform;
      if (!parse_transformer(transform)) return false;
      compare.right = std::move(transform);
      return true;
    }
    taken = false;
    return true;
  }

  bool parse_number_rhs(Compare& compare) {
    skip_blanks();
    bool taken = false;
    if (!parse_rhs_call(compare, taken) || taken) return !failed_;
    const std::size_t size = std::max(hex_size(), number_size());
    if (size == 0) {
      std::string hint;
      if (is_quote(peek())) {
        hint = "numbers stand without quotes";
      } else if (compare.op == Operator::kLess && peek() == '>') {
        hint = "write: !=";
      } else if (peek() == '=') {
        hint = "operators: < <= > >=";
      } else if (is_modifier(word_at(at_))) {
        hint = "modifiers don't go with < <= > >=";
      } else if (!at_end()) {
        hint = "< <= > >= compare with numbers, val(field) or a transformer only";
      }
      fail_expected("a number after \"" + std::string(spelling(compare.op)) + '"', std::move(hint));
      return false;
    }
    Literal literal;
    if (!parse_plain(literal, size)) return false;
    compare.right = std::move(literal);
    last_ = Last::kNumber;
    return true;
  }

  bool parse_string_rhs(Compare& compare) {
    const bool blank = skip_blanks();
    if (blank && take_modifier(compare)) {
      if (peek() == '(') return parse_list(compare);
      return parse_list_name(compare);
    }
    bool taken = false;
    if (!parse_rhs_call(compare, taken) || taken) return !failed_;
    Literal literal;
    if (is_quote(peek())) {
      if (!parse_quoted(literal)) return false;
      last_word_ = {};
    } else {
      std::size_t size = 0;
      while (at_ + size < text_.size() && is_bare(text_[at_ + size])) ++size;
      if (size == 0) {
        fail_value(compare.op);
        return false;
      }
      const std::size_t begin = at_;
      if (!parse_plain(literal, size)) return false;
      last_word_ = text_.substr(begin, size);
      if (peek() == '(' && fail_glued_call(compare.op)) return false;
    }
    compare.right = std::move(literal);
    last_ = Last::kValue;
    return true;
  }

  // `= anyof(a)`: says what is missing.
  bool fail_glued_call(Operator op) {
    if (!is_modifier(last_word_)) return false;
    fail_expected("a blank after \"" + std::string(last_word_) + '"',
                  "write: " + std::string(spelling(op)) + ' ' + std::string(last_word_) + " (…)");
    return true;
  }

  void fail_value(Operator op) {
    const std::string name = spelling(op);
    std::string hint;
    if (peek() == '(') {
      hint = op == Operator::kEqual || op == Operator::kNotEqual ? "one value only; write: in (…), or: " + name + " anyof (…)"
                                                                 : "one value only; write: " + name + " anyof (…)";
    } else if (peek() == '=') {
      hint = "a value with = in it goes in quotes";
    } else if (peek() == ',') {
      hint = "a value with a comma in it goes in quotes";
    } else if (at_end() || peek() == ')') {
      hint = "for the empty text write \"\"";
    }
    fail_expected("a value after \"" + name + '"', std::move(hint));
  }

  // A modifier stands between blanks, before a list or a name; anywhere else its word is a value.
  bool take_modifier(Compare& compare) {
    for (const auto& [word, modifier] : kModifiers) {
      if (!next_is(word) || !is_blank(peek(word.size()))) continue;
      std::size_t next = at_ + word.size();
      while (next < text_.size() && is_blank(text_[next])) ++next;
      const std::string_view name = next < text_.size() && is_alpha(text_[next]) ? word_at(next) : std::string_view();
      const bool list = next < text_.size() && text_[next] == '(';
      const bool joiner = name.starts_with("and") || name.starts_with("or") || name.starts_with("not");
      if (!list && (name.empty() || joiner)) return false;
      compare.modifier = modifier;
      at_ = next;
      return true;
    }
    return false;
  }

  bool parse_list_rhs(Compare& compare) {
    skip_blanks();
    if (peek() == '(') return parse_list(compare);
    bool taken = false;
    if (!parse_rhs_call(compare, taken) || taken) return !failed_;
    if (is_alpha(peek())) return parse_list_name(compare);
    const std::string name = spelling(compare.op);
    fail_expected("a list after \"" + name + '"',
                  at_end() ? "write: " + name + " (…)" : "a list goes in parentheses: " + name + " (…)");
    return false;
  }

  bool parse_list_name(Compare& compare) {
    const std::size_t begin = at_;
    Literal literal;
    if (!parse_plain(literal, word_at(at_).size())) return false;
    last_ = Last::kListName;
    last_word_ = text_.substr(begin, at_ - begin);
    std::vector<Literal> list;
    list.push_back(std::move(literal));
    compare.right = std::move(list);
    return true;
  }

  bool parse_list(Compare& compare) {
    const std::size_t open = at_++;
    std::vector<Literal> list;
    skip_blanks();
    if (!take(")")) {
      while (true) {
        skip_blanks();
        Literal literal;
        if (!parse_list_value(literal, open, list.empty())) return false;
        list.push_back(std::move(literal));
        skip_blanks();
        if (take(",")) continue;
        if (take(")")) break;
        if (at_end()) {
          fail("\"(\" is never closed", "add a \")\"", open);
        } else {
          fail_expected("\",\" or \")\"", peek() == '(' || peek() == '=' ? "a value with one of = ( ) in it goes in quotes"
                                                                         : "values of a list are separated by commas");
        }
        return false;
      }
    }
    compare.right = std::move(list);
    last_ = Last::kNone;
    return true;
  }

  bool parse_list_value(Literal& literal, std::size_t open, bool first) {
    if (is_quote(peek())) return parse_quoted(literal);
    std::size_t size = 0;
    while (at_ + size < text_.size() && is_bare(text_[at_ + size])) ++size;
    if (size > 0) return parse_plain(literal, size);
    if (at_end()) {
      fail("\"(\" is never closed", "add a \")\"", open);
    } else if (peek() == ')' || peek() == ',') {
      fail_expected("a value", first           ? "no comma before the first value"
                               : peek() == ')' ? "no comma before \")\""
                                               : "one comma between two values");
    } else {
      fail_expected("a value", peek() == '(' ? "lists don't nest" : "a value with = in it goes in quotes");
    }
    return false;
  }

  // --- constants

  std::size_t hex_size() const {
    if (peek() != '0' || (peek(1) != 'x' && peek(1) != 'X') || !is_hex(peek(2))) return 0;
    std::size_t size = 2;
    while (is_hex(peek(size))) ++size;
    return size;
  }

  std::size_t number_size() const {
    std::size_t size = peek() == '+' || peek() == '-' ? 1 : 0;
    if (!is_digit(peek(size))) return 0;
    while (is_digit(peek(size))) ++size;
    if (peek(size) == '.') ++size;
    while (is_digit(peek(size))) ++size;
    if ((peek(size) == 'e' || peek(size) == 'E') && (peek(size + 1) == '+' || peek(size + 1) == '-') &&
        is_digit(peek(size + 2))) {
      size += 3;
      while (is_digit(peek(size))) ++size;
    }
    return size;
  }

  bool parse_plain(Literal& literal, std::size_t size) {
    const std::size_t begin = at_;
    literal.text = std::string(text_.substr(at_, size));
    at_ += size;
    literal.span = span_from(begin);
    return true;
  }

  bool parse_quoted(Literal& literal) {
    const std::size_t open = at_;
    const char quote = text_[open];
    std::size_t close = open + 1;
    // A quote behind a backslash never closes, not even behind two.
    while (close < text_.size() && (text_[close] != quote || text_[close - 1] == '\\')) ++close;
    if (close >= text_.size()) {
      const bool escaped = text_.find(std::string{'\\', quote}, open) != std::string_view::npos;
      fail("the text is never closed",
           escaped ? "a quote right behind a backslash does not close; for a backslash at the end write \\x5c" : "", open);
      return false;
    }
    at_ = open + 1;
    while (at_ < close) {
      if (text_[at_] != '\\') {
        literal.text += text_[at_++];
      } else if (!parse_escape(quote, close, literal.text)) {
        return false;
      }
    }
    at_ = close + 1;
    literal.quoted = true;
    literal.span = span_from(open);
    return true;
  }

  bool parse_escape(char quote, std::size_t close, std::string& out) {
    static constexpr std::string_view kLetters = "bfnrt\\/ ";
    static constexpr std::string_view kMeanings = "\b\f\n\r\t\\/\\";
    const char letter = at_ + 1 < close ? text_[at_ + 1] : '\0';
    if (letter == quote) {
      out += quote;
      at_ += 2;
      return true;
    }
    if (const std::size_t known = kLetters.find(letter); letter != '\0' && known != std::string_view::npos) {
      out += kMeanings[known];
      at_ += 2;
      return true;
    }
    if (letter == 'x' && at_ + 3 < close && is_hex(text_[at_ + 2]) && is_hex(text_[at_ + 3])) {
      out += static_cast<char>(static_cast<unsigned char>(hex_value(text_[at_ + 2]) << 4 | hex_value(text_[at_ + 3])));
      at_ += 4;
      return true;
    }
    std::string hint = "escapes: \\b \\f \\n \\r \\t \\\\ \\/ \\xHH \\" + std::string(1, quote);
    if (letter == 'x') hint = "\\x takes two hex digits";
    if (is_quote(letter)) hint = "a " + std::string(letter == '"' ? "double" : "single") + " quote needs no backslash here";
    fail("unknown escape \"" + std::string(text_.substr(at_, whole_letters(at_, 2))) + '"', std::move(hint), at_);
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool failed_ = false;
  ParseError error_;

  // For hints: how the last check ended, its last word, and where a group right behind and/or ended.
  Last last_ = Last::kNone;
  std::string_view last_word_;
  std::size_t glued_end_ = 0;
};

}  // namespace

std::expected<ExprPtr, ParseError> parse(std::string_view text) { return Parser(text).run(); }

bool starts_transform(std::string_view text) { return Parser(text).starts_transformer(); }
std::expected<TransformPrefix, ParseError> parse_transform(std::string_view text) { return Parser(text).run_transform(); }
std::optional<BracketPrefix> parse_bracket(std::string_view text) { return Parser(text).run_bracket(); }

}  // namespace shrike::lang
