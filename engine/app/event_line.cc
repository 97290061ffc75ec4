// SPDX-License-Identifier: Apache-2.0
#include "engine/app/event_line.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <utility>

#include "engine/lang/diagnostic.h"
#include "engine/lang/utf8.h"

namespace shrike::app {
namespace {

using event::Field;
using event::FieldUse;
using event::Type;
using event::Value;

std::unexpected<Flaw> flaw(std::string message, std::size_t offset, std::string hint = {}) {
  return std::unexpected(Flaw{std::move(message), std::move(hint), offset});
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

void append_utf8(std::string& out, std::uint32_t c) {
  const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xc0U | c >> 6U);
  } else {
    if (c < 0x10000) {
      byte(0xe0U | c >> 12U);
    } else {
      byte(0xf0U | c >> 18U);
      byte(0x80U | (c >> 12U & 0x3fU));
    }
    byte(0x80U | (c >> 6U & 0x3fU));
  }
  byte(0x80U | (c & 0x3fU));
}

// Reads one flat object. Nothing recurses: an array holds plain values.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  std::expected<std::vector<Member>, Flaw> object() {
    std::vector<Member> members;
    skip();
    if (!take('{')) return wrong("an object", R"(one event a line: {"evt.type": "openat", "fd.name": "/etc/shadow"})");
    skip();
    if (!take('}')) {
      do {
        skip();
        Member member;
        member.offset = at_;
        member.key = TRY(string());
        skip();
        if (!take(':')) return wrong("a colon behind the key");
        skip();
        member.value = TRY(value(kInObject));
        members.push_back(std::move(member));
        skip();
      } while (take(','));
      if (!take('}')) return wrong("a comma or the closing brace");
    }
    skip();
    if (at_ != text_.size()) return flaw("something behind the object", at_, "one event a line");
    TRY(check_keys(members));
    return members;
  }

 private:
  enum Depth : std::uint8_t { kInObject, kInArray };

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  std::unexpected<Flaw> wrong(std::string_view expected, std::string hint = {}) const {
    if (at_ >= text_.size())
      return flaw("not valid JSON: it ends where there should be " + std::string(expected), at_, std::move(hint));
    return flaw("not valid JSON: there should be " + std::string(expected), at_, std::move(hint));
  }

  static std::expected<void, Flaw> check_keys(const std::vector<Member>& members) {
    std::vector<const Member*> sorted;
    sorted.reserve(members.size());
    for (const Member& member : members) sorted.push_back(&member);
    std::ranges::sort(sorted, {}, [](const Member* m) { return std::pair(std::string_view(m->key), m->offset); });
    const auto twice = std::ranges::adjacent_find(sorted, {}, &Member::key);
    if (twice == sorted.end()) return {};
    return flaw("key " + quoted((*twice)->key) + " stands twice", (*std::next(twice))->offset, "keep one of the two");
  }

  std::expected<Given, Flaw> value(Depth depth) {
    Given given;
    given.offset = at_;
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    if (c == '"') {
      given.data = TRY(string());
    } else if (c == '[' && depth == kInObject) {
      given.data = TRY(array());
    } else if (c == '{') {
      given.data = TRY(bytes());
    } else if (c == '[') {
      return flaw("an array inside an array", at_, "a field's values are strings, numbers and booleans");
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      TRY(number(given));
    } else if (take("true")) {
      given.data = true;
    } else if (take("false")) {
      given.data = false;
    } else if (!take("null")) {
      return wrong("a value");
    }
    return given;
  }

  std::expected<Given::List, Flaw> array() {
    Given::List items;
    take('[');
    skip();
    if (take(']')) return items;
    do {
      skip();
      items.push_back(TRY(value(kInArray)));
      skip();
    } while (take(','));
    if (!take(']')) return wrong("a comma or the closing bracket");
    return items;
  }

  std::expected<Given::Bytes, Flaw> bytes() {
    static constexpr std::string_view kHint = R"(fields lie side by side: {"proc.name": "cat"}; bytes are {"base64": "…"})";
    const std::size_t start = at_;
    take('{');
    skip();
    const std::size_t key = at_;
    if (TRY(string()) != "base64") return flaw("an object inside the event", key, std::string(kHint));
    skip();
    if (!take(':')) return wrong("a colon behind the key");
    skip();
    const std::size_t text = at_;
    auto decoded = decode_base64(TRY(string()));
    if (!decoded) return flaw("not base64", text, "RFC 4648, with padding");
    skip();
    if (!take('}')) return flaw("more than \"base64\" in a value", start, std::string(kHint));
    return Given::Bytes{*std::move(decoded)};
  }

  std::expected<void, Flaw> number(Given& given) {
    const std::size_t start = at_;
    const auto digits = [&] {
      const std::size_t first = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      return at_ - first;
    };
    const bool negative = take('-');
    const bool zero = at_ < text_.size() && text_[at_] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return flaw("not valid JSON: not a number", start, "decimal, without leading zeros");
    bool fraction = false;
    if (take('.')) {
      fraction = true;
      if (digits() == 0) return wrong("a digit");
    }
    if (take('e') || take('E')) {
      fraction = true;
      if (!take('+')) take('-');
      if (digits() == 0) return wrong("a digit");
    }
    const char* first = text_.data() + start;
    const char* last = text_.data() + at_;
    const auto read = [&](auto number) {
      const bool fits = std::from_chars(first, last, number).ec == std::errc();
      if (fits) given.data = number;
      return fits;
    };
    const bool fits = fraction ? read(double{}) : negative ? read(std::int64_t{}) : read(std::uint64_t{});
    if (!fits) return flaw("a number beyond 64 bits", start);
    return {};
  }

  std::expected<std::uint32_t, Flaw> four_hex() {
    std::uint32_t unit = 0;
    if (text_.size() - at_ < 4) return wrong("four hexadecimal digits");
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, unit, 16);
    if (error != std::errc() || end != text_.data() + at_ + 4) return wrong("four hexadecimal digits");
    at_ += 4;
    return unit;
  }

  std::expected<void, Flaw> escape(std::string& out) {
    const std::size_t start = at_ - 1;
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ < text_.size()) {
      if (const std::size_t letter = kLetters.find(text_[at_]); letter != std::string_view::npos) {
        out += kMeanings[letter];
        ++at_;
        return {};
      }
    }
    if (!take('u')) return flaw("not valid JSON: no such escape", start, R"(\" \\ \/ \b \f \n \r \t \u0000)");
    std::uint32_t c = TRY(four_hex());
    if (c >= 0xd800 && c < 0xdc00 && take("\\u")) {
      const std::uint32_t low = TRY(four_hex());
      if (low < 0xdc00 || low > 0xdfff) return flaw("not valid JSON: half a surrogate pair", start);
      c = 0x10000 + ((c - 0xd800) << 10U) + (low - 0xdc00);
    }
    if (c >= 0xd800 && c < 0xe000) return flaw("not valid JSON: half a surrogate pair", start);
    append_utf8(out, c);
    return {};
  }

  std::expected<std::string, Flaw> string() {
    if (!take('"')) return wrong("a string");
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return out;
      }
      if (static_cast<unsigned char>(c) < 0x20)
        return flaw("not valid JSON: a control character in a string", at_, R"(write \n, \t, \u0001)");
      if (c == '\\') {
        ++at_;
        TRY(escape(out));
        continue;
      }
      const std::size_t size = lang::utf8_size(text_, at_);
      if (size == 0) return flaw("not valid UTF-8", at_, R"(write bytes as {"base64": "…"})");
      out.append(text_, at_, size);
      at_ += size;
    }
    return wrong("the closing quote");
  }

  std::string_view text_;
  std::size_t at_ = 0;
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
      return "a number";
    case Type::kPort:
      return "a port";
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
      return "a whole number without quotes: 0, 1000";
    case Type::kDouble:
      return "a number without quotes: 0.5, 12";
    case Type::kPort:
      return "0 to 65535, without quotes";
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
  return flaw(quoted(use.text()) + " is " + std::string(article(use.field->type)), given.offset,
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
      if (signed_number != nullptr) return Value(*signed_number);
      if (unsigned_number == nullptr) break;
      if (*unsigned_number > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
        return flaw(quoted(use.text()) + " is a signed number: at most 9223372036854775807", given.offset);
      return Value(static_cast<std::int64_t>(*unsigned_number));
    case Type::kUint:
    case Type::kTime:
    case Type::kDuration:
      if (unsigned_number != nullptr) return Value(*unsigned_number);
      break;
    case Type::kPort:
      if (unsigned_number != nullptr && *unsigned_number <= 0xffff) return Value(*unsigned_number);
      break;
    case Type::kBool:
      if (const auto* flag = std::get_if<bool>(&given.data)) return Value(*flag);
      break;
    case Type::kIp:
    case Type::kNet:
      if (text == nullptr) break;
      if (const auto address = parse_address(*text)) return Value(*address);
      return flaw(quoted(*text) + " is no address", given.offset, std::string(example(use.field->type)));
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
      return flaw(quoted(use.text()) + " has one value, no array", given.offset, std::string(example(use.field->type)));
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
  const auto* name = std::get_if<std::string>(&given.data);
  if (name == nullptr) return flaw("\"evt.type\" is a string", given.offset, "the name of a system call: \"openat\"");
  const auto type = event::find_event_type(*name);
  if (!type || *type == event::EventType::kNone) {
    std::vector<std::string_view> names;
    for (const event::EventTypeInfo& info : event::event_types()) names.push_back(info.name);
    const std::string_view near = lang::nearest(*name, names);
    return flaw("unknown event type " + quoted(*name), given.offset,
                near.empty() ? "" : "did you mean " + std::string(near) + "?");
  }
  event.set_type(*type);
  return {};
}

std::expected<std::uint64_t, Flaw> natural(std::string_view key, const Given& given, std::string hint) {
  const auto* number = std::get_if<std::uint64_t>(&given.data);
  if (number == nullptr) return flaw(quoted(key) + " is a number", given.offset, std::move(hint));
  return *number;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  static constexpr auto kValues = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(0xff);
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < kAlphabet.size(); ++i)
      values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    return values;
  }();
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t used = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::uint8_t six = k < used ? kValues[static_cast<unsigned char>(text[i + k])] : 0;
      if (six == 0xff) return std::nullopt;
      bits = bits << 6U | six;
    }
    for (std::size_t k = 0; k + 1 < used; ++k) out += static_cast<char>(bits >> (16 - 8 * k));
  }
  return out;
}

std::expected<std::vector<Member>, Flaw> parse_flat_json(std::string_view line) { return JsonReader(line).object(); }

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
  bool has_type = false;
  for (const auto& [key, offset, value] : members) {
    if (key == "evt.type") {
      TRY(set_type(event, value));
      has_type = true;
    } else if (std::holds_alternative<std::monostate>(value.data)) {
      TRY(field_of_key(key, offset));
    } else if (key == "evt.time") {
      event.set_time(TRY(natural(key, value, "nanoseconds since 1970: 1793613600123456789")));
    } else if (key == "evt.num") {
      event.set_number(TRY(natural(key, value, "")));
    } else {
      const FieldUse use = TRY(field_of_key(key, offset));
      if (event.has(use)) return flaw(quoted(key) + " stands there in another spelling", offset, "keep one of the two");
      TRY(set(event, use, value));
    }
  }
  if (!has_type) return flaw("an event without \"evt.type\"", 0, R"(rules are asked by it: {"evt.type": "openat", …})");
  return {};
}

}  // namespace shrike::app
