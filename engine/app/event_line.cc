// SPDX-License-Identifier: Apache-2.0
#include "engine/app/event_line.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "engine/base/base64.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/utf8.h"

namespace shrike::app {
namespace {

using event::Field;
using event::FieldUse;
using event::Type;
using event::Value;
using nlohmann::json;

std::unexpected<Flaw> flaw(std::string message, std::size_t offset, std::string hint = {}) {
  return std::unexpected(Flaw{std::move(message), std::move(hint), offset});
}

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

// Takes what the parser finds in one flat object. It does not say where: each token is sought behind the last one.
class FlatObject {
 public:
  explicit FlatObject(std::string_view text) : text_(text) { members_.reserve(kMembers); }

  std::expected<std::vector<Member>, Flaw> read() {
    if (const std::size_t first = token(); first == text_.size() || text_[first] != '{')
      return flaw("not valid JSON: there should be an object", first,
                  R"(one event a line: {"evt.type": "openat", "fd.name": "/etc/shadow"})");
    if (!json::sax_parse(text_.begin(), text_.end(), this)) return std::unexpected(std::move(flaw_));
    // The parser takes a zero byte for the end.
    if (token() != text_.size()) return flaw(std::string(kBehind), token(), std::string(kOneALine));
    TRY(check_keys());
    return std::move(members_);
  }

  // --- what the parser calls; false ends it

  bool null() { return literal(std::monostate{}); }
  bool boolean(bool flag) { return literal(flag); }
  bool number_integer(std::int64_t number) { return literal(number); }
  bool number_unsigned(std::uint64_t number) { return literal(number); }
  bool number_float(double number, const std::string& text) {
    // An integer that is too large comes as a double.
    return text.find_first_of(".eE") == std::string::npos ? wrong("a number beyond 64 bits", token()) : literal(number);
  }
  bool string(const std::string& text) {
    const std::size_t start = take_string();
    if (!bytes_) return put(start, text);
    auto decoded = decode_padded(text);
    if (!decoded) return not_base64(start);
    decoded_ = Given::Bytes{*std::move(decoded)};
    return true;
  }
  bool binary(const json::binary_t& /*bytes*/) { return false; }  // not in JSON

  bool start_object(std::size_t /*members*/) {
    const std::size_t start = take(1);
    if (place_ == Place::kBefore) {
      place_ = Place::kEvent;
      return true;
    }
    if (bytes_) return not_base64(start);
    bytes_ = start;
    return true;
  }
  bool key(const std::string& name) {
    const std::size_t start = take_string();
    if (!bytes_) {
      Member& added = members_.emplace_back();
      added.key = name;
      added.offset = start;
      return true;
    }
    if (decoded_) return wrong("more than \"base64\" in a value", *bytes_, kFlat);
    return name == "base64" || wrong("an object inside the event", start, kFlat);
  }
  bool end_object() {
    take(1);
    if (!bytes_) {
      place_ = Place::kBehind;
      return true;
    }
    const std::size_t start = *std::exchange(bytes_, std::nullopt);
    if (!decoded_) return wrong("an object inside the event", start, kFlat);
    return put(start, *std::exchange(decoded_, std::nullopt));
  }
  bool start_array(std::size_t /*items*/) {
    const std::size_t start = take(1);
    if (bytes_) return not_base64(start);
    if (place_ == Place::kList)
      return wrong("an array inside an array", start, "a field's values are strings, numbers and booleans");
    place_ = Place::kList;
    members_.back().value = {Given::List{}, start};
    return true;
  }
  bool end_array() {
    take(1);
    place_ = Place::kEvent;
    return true;
  }

  // `read` bytes, the last one being wrong.
  bool parse_error(std::size_t read, const std::string& /*token*/, const json::exception& error) {
    static constexpr int kNumberOverflow = 406;
    if (error.id == kNumberOverflow) return wrong("a number beyond 64 bits", token());
    const std::size_t end = std::min(read, text_.size());
    for (std::size_t at = behind_; at < end;) {
      const std::size_t size = lang::utf8_size(text_, at);
      if (size == 0) return wrong("not valid UTF-8", at, R"(write bytes as {"base64": "…"})");
      at += size;
    }
    if (place_ == Place::kBehind) return wrong(kBehind, token(), kOneALine);
    // … syntax error while parsing value - invalid literal; last read: 'nux'
    std::string_view what = error.what();
    if (const std::size_t dash = what.find(" - "); dash != std::string_view::npos) what.remove_prefix(dash + 3);
    what = what.substr(0, what.find("; last read: '"));
    return wrong("not valid JSON: " + std::string(what), read > text_.size() ? text_.size() : read - 1);
  }

 private:
  static constexpr std::size_t kMembers = 24;  // an event seldom has more

  enum class Place : std::uint8_t { kBefore, kEvent, kList, kBehind };
  static constexpr std::string_view kBehind = "something behind the object";
  static constexpr std::string_view kOneALine = "one event a line";
  static constexpr std::string_view kFlat = R"(fields lie side by side: {"proc.name": "cat"}; bytes are {"base64": "…"})";

  bool wrong(std::string_view message, std::size_t offset, std::string_view hint = {}) {
    flaw_ = {std::string(message), std::string(hint), offset};
    return false;
  }
  bool not_base64(std::size_t offset) { return wrong("not base64", offset, "RFC 4648, with padding"); }

  static bool is_between(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':'; }

  bool is_escaped(std::size_t at) const {
    const std::size_t before = at;
    while (text_[at - 1] == '\\') --at;  // a string starts with a quote
    return (before - at) % 2 != 0;
  }

  // Where the next token starts.
  std::size_t token() const {
    std::size_t at = behind_;
    while (at < text_.size() && is_between(text_[at])) ++at;
    return at;
  }
  // Each goes behind the token and returns where it starts; the parser has found it to be a valid one.
  std::size_t take(std::size_t size) {
    const std::size_t start = token();
    behind_ = start + size;
    return start;
  }
  std::size_t take_string() {
    const std::size_t start = take(1);
    std::size_t end = text_.find('"', behind_);
    while (is_escaped(end)) end = text_.find('"', end + 1);
    behind_ = end + 1;
    return start;
  }
  std::size_t take_literal() {
    const std::size_t start = take(0);
    while (behind_ < text_.size() && !is_between(text_[behind_]) && text_[behind_] != ']' && text_[behind_] != '}') ++behind_;
    return start;
  }

  template <class Data>
  bool literal(Data data) {
    const std::size_t start = take_literal();
    return bytes_ ? not_base64(start) : put(start, data);
  }
  template <class Data>
  bool put(std::size_t start, Data&& data) {
    Given& value = members_.back().value;
    Given& to = place_ == Place::kList ? std::get<Given::List>(value.data).emplace_back() : value;
    to.data = std::forward<Data>(data);
    to.offset = start;
    return true;
  }

  std::expected<void, Flaw> check_keys() const {
    std::vector<const Member*> sorted;
    sorted.reserve(members_.size());
    for (const Member& member : members_) sorted.push_back(&member);
    std::ranges::sort(sorted, {}, [](const Member* m) { return std::pair(std::string_view(m->key), m->offset); });
    const auto twice = std::ranges::adjacent_find(sorted, {}, &Member::key);
    if (twice == sorted.end()) return {};
    return flaw("key " + in_quotes((*twice)->key) + " stands twice", (*std::next(twice))->offset, "keep one of the two");
  }

  std::string_view text_;
  std::size_t behind_ = 0;  // the last token
  Place place_ = Place::kBefore;
  std::optional<std::size_t> bytes_;     // inside {"base64": …}: where that starts
  std::optional<Given::Bytes> decoded_;  // what it held
  std::vector<Member> members_;
  Flaw flaw_;
};

// --- types

bool is_list(const FieldUse& use) {
  const bool several = use.field->has(event::kExistential) || use.field->has(event::kBothEnds);
  return use.field->has(event::kList) || (several && !use.argument.present);
}

std::string_view article(Type type) {
  switch (type) {
    case Type::kInt:
    case Type::kUint:
    case Type::kTime:
    case Type::kDuration:
    case Type::kDouble:
    case Type::kPort:
      return "a number";
    case Type::kBool:
      return "a boolean";
    case Type::kIp:
    case Type::kNet:
      return "an address";
    default:
      return "a string";
  }
}

std::string_view example(Type type) {
  switch (type) {
    case Type::kInt:
      return "an integer without quotes: -1, 1000";
    case Type::kUint:
    case Type::kTime:
    case Type::kDuration:
    case Type::kPort:
      return "a whole number without quotes: 0, 1000";
    case Type::kDouble:
      return "a number without quotes: 0.5, 12";
    case Type::kBool:
      return "true or false, without quotes";
    case Type::kIp:
    case Type::kNet:
      return R"("10.0.0.1", "2001:db8::1")";
    default:
      return R"(text in quotes, or {"base64": "…"})";
  }
}

std::unexpected<Flaw> wrong_type(const FieldUse& use, const Given& given) {
  return flaw(in_quotes(use.text()) + " is " + std::string(article(use.field->type)), given.offset,
              std::string(example(use.field->type)));
}

std::optional<event::IpAddress> parse_address(const std::string& text) {
  event::IpAddress address;
  if (text.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.family = 4;
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.family = 6;
  return event::canonical(address);
}

// One value of the field's type, borrowing from `given`.
std::expected<Value, Flaw> typed(const FieldUse& use, const Given& given) {
  const auto* unsigned_number = std::get_if<std::uint64_t>(&given.data);
  const auto* signed_number = std::get_if<std::int64_t>(&given.data);
  const auto* text = std::get_if<std::string>(&given.data);
  switch (use.field->type) {
    case Type::kInt:
    case Type::kUint:
    case Type::kTime:
    case Type::kDuration:
    case Type::kPort: {
      const Field& field = *use.field;
      const auto checked = [&](auto number) -> std::expected<Value, Flaw> {
        if (std::cmp_less(number, field.min()) || std::cmp_greater(number, field.max()))
          return flaw(
              in_quotes(use.text()) + " lies between " + std::to_string(field.min()) + " and " + std::to_string(field.max()),
              given.offset);
        return field.type == Type::kInt ? Value(static_cast<std::int64_t>(number)) : Value(static_cast<std::uint64_t>(number));
      };
      if (signed_number != nullptr) return checked(*signed_number);
      if (unsigned_number != nullptr) return checked(*unsigned_number);
      break;
    }
    case Type::kBool:
      if (const auto* flag = std::get_if<bool>(&given.data)) return Value(*flag);
      break;
    case Type::kIp:
    case Type::kNet:
      if (text == nullptr) break;
      if (const auto address = parse_address(*text)) return Value(*address);
      return flaw(in_quotes(*text) + " is no address", given.offset, std::string(example(use.field->type)));
    case Type::kDouble:
      if (const auto* number = std::get_if<double>(&given.data)) return Value(*number);
      if (unsigned_number != nullptr) return Value(static_cast<double>(*unsigned_number));
      if (signed_number != nullptr) return Value(static_cast<double>(*signed_number));
      break;
    case Type::kOpaque:  // any value will do: rules can only ask whether there is one
      if (unsigned_number != nullptr) return Value(*unsigned_number);
      if (signed_number != nullptr) return Value(*signed_number);
      if (const auto* flag = std::get_if<bool>(&given.data)) return Value(*flag);
      [[fallthrough]];
    case Type::kString:
    case Type::kBuffer:
      // A parameter is bytes in most events of its name, and a number in some: ptrace's data.
      if (use.field->argument == event::ArgumentKind::kRawParameter && unsigned_number != nullptr) return Value(*unsigned_number);
      if (text != nullptr) return Value(std::string_view(*text));
      if (const auto* bytes = std::get_if<Given::Bytes>(&given.data)) return Value(std::string_view(bytes->text));
      break;
  }
  return wrong_type(use, given);
}

std::expected<void, Flaw> set(event::RecordedEvent& event, const FieldUse& use, const Given& given) {
  const auto* list = std::get_if<Given::List>(&given.data);
  if (!is_list(use)) {
    if (list != nullptr)
      return flaw(in_quotes(use.text()) + " has one value, no array", given.offset, std::string(example(use.field->type)));
    event.set(use, TRY(typed(use, given)));
    return {};
  }
  std::vector<Value> values;
  for (const Given& item : list == nullptr ? std::span(&given, 1) : std::span(*list)) values.push_back(TRY(typed(use, item)));
  // Nobody there is no list at all, as live events have it; but the list of a field that is one may be empty.
  if (!values.empty() || use.field->has(event::kList)) event.set(use, Value(event::ValueList{values.data(), values.size()}));
  return {};
}

std::string near_field(std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(event::fields().size());
  for (const Field& field : event::fields()) names.push_back(field.name);
  const std::string_view near = lang::nearest(name, names);
  return near.empty() ? "`shrike fields` lists them all" : "did you mean " + std::string(near) + "?";
}

std::expected<void, Flaw> set_type(event::RecordedEvent& event, const Given& given) {
  if (std::holds_alternative<std::monostate>(given.data)) return {};
  const auto* name = std::get_if<std::string>(&given.data);
  if (name == nullptr) return flaw("\"evt.type\" is a string", given.offset, "the name of a system call: \"openat\"");
  const auto type = event::find_event_type(*name);
  if (!type || *type == event::EventType::kNone) {
    std::vector<std::string_view> names;
    for (const event::EventTypeInfo& info : event::event_types()) names.push_back(info.name);
    const std::string_view near = lang::nearest(*name, names);
    return flaw("unknown event type " + in_quotes(*name), given.offset,
                near.empty() ? "" : "did you mean " + std::string(near) + "?");
  }
  event.set_type(*type);
  return {};
}

std::expected<std::uint64_t, Flaw> natural(std::string_view key, const Given& given, std::string hint) {
  const auto* number = std::get_if<std::uint64_t>(&given.data);
  if (number == nullptr) return flaw(in_quotes(key) + " is a number", given.offset, std::move(hint));
  return *number;
}

}  // namespace

std::optional<std::string> decode_padded(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out(decoded_size_max(text), '\0');
  const auto size = decode_base64(text, out);
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

std::expected<std::vector<Member>, Flaw> parse_flat_json(std::string_view line) { return FlatObject(line).read(); }

std::expected<FieldUse, Flaw> field_of_key(std::string_view key, std::size_t offset) {
  std::string_view name = key;
  std::optional<std::string> argument;
  if (const std::size_t bracket = key.find('['); bracket != std::string_view::npos && key.ends_with(']')) {
    name = key.substr(0, bracket);
    argument = key.substr(bracket + 1, key.size() - bracket - 2);
  }
  auto use = event::resolve_field(name, argument);
  if (use) return *std::move(use);
  return flaw(use.error().message, offset, use.error().code == Code::kNotFound ? near_field(name) : "");
}

std::expected<void, Flaw> fill(event::RecordedEvent& event, const std::vector<Member>& members) {
  if (members.size() > kMaxKeys) {
    return flaw("more than " + std::to_string(kMaxKeys) + " keys in one event", members[kMaxKeys].offset, "a line is one event");
  }
  for (const auto& [key, offset, value] : members) {
    if (key == "evt.type") {
      TRY(set_type(event, value));
    } else if (std::holds_alternative<std::monostate>(value.data)) {
      TRY(field_of_key(key, offset));
    } else if (key == "evt.time") {
      event.set_time(TRY(natural(key, value, "nanoseconds since 1970: 1793613600123456789")));
    } else if (key == "evt.num") {
      event.set_number(TRY(natural(key, value, "")));
    } else {
      const FieldUse use = TRY(field_of_key(key, offset));
      if (event.has(use)) return flaw(in_quotes(key) + " stands there in another spelling", offset, "keep one of the two");
      TRY(set(event, use, value));
    }
  }
  return {};
}

}  // namespace shrike::app
