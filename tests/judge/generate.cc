// SPDX-License-Identifier: Apache-2.0
#include "tests/judge/generate.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <re2/re2.h>

#include "engine/base/arena.h"
#include "engine/lang/parser.h"

namespace shrike::judge {
namespace {

using event::Field;
using event::Type;
using event::Value;

const std::vector<std::string> kTexts{"",
                                      "/",
                                      "/etc",
                                      "/etc/passwd",
                                      "/etc/ssh/sshd_config",
                                      "/etcd/x",
                                      "/etc//passwd/",
                                      "etc/passwd",
                                      "/var/log/a",
                                      "/var/x/log",
                                      "/usr/bin/bash",
                                      "bash",
                                      "BASH",
                                      "sh",
                                      "sshd",
                                      "nginx",
                                      "a",
                                      "a b",
                                      "-c id",
                                      "-a",
                                      "-ab",
                                      "-bx",
                                      "<NA>",
                                      "x*y",
                                      "[a-c]",
                                      "a]b",
                                      "C:\\temp",
                                      "it's",
                                      "say \"no\"",
                                      "k=v",
                                      "(x)",
                                      "a,b",
                                      "\xc3\xa9t\xc3\xa9",
                                      "\xff\xfe",
                                      "caf\xc3",
                                      "\xed\xa0\x80",
                                      "two\nlines",
                                      "tab\there",
                                      "aGVsbG8=",
                                      "aGVsbG8",
                                      "Li4v",
                                      "file",
                                      "f",
                                      "4",
                                      "true",
                                      "0123456789abcdef0123456789abcdef",
                                      "foo.so.1",
                                      "/tmp/.hidden",
                                      "host",
                                      "O_RDWR|O_CREAT",
                                      "proc.name",
                                      "%s",
                                      "#",
                                      "anyof",
                                      "not"};
const std::vector<std::string> kTypes{"open",     "openat", "openat2", "execve",  "connect",  "write",  "clone", "bind", "setuid",
                                      "unlinkat", "sendto", "recvmsg", "accept4", "renameat", "fchmod", "dup",   "bpf",  "close"};
const std::vector<std::string> kAddresses{"10.0.0.1",  "10.1.2.3", "10.1.2.4",    "192.168.0.1", "8.8.8.8",         "0.0.0.0",
                                          "127.0.0.1", "::",       "2001:db8::1", "2001:db8::2", "::ffff:10.0.0.1", "fe80::1"};
const std::vector<std::string> kNetworks{"10.0.0.0/8", "10.1.2.3/16",   "10.1.2.3/32",     "0.0.0.0/0",      "192.168.0.0/23",
                                         "::/0",       "2001:db8::/32", "2001:db8::1/128", "2001:db8::/127", "::ffff:0:0/96"};

event::IpAddress parse_address(const std::string& text) {
  event::IpAddress address;
  address.family = text.find(':') == std::string::npos ? 4 : 6;
  if (inet_pton(address.family == 4 ? AF_INET : AF_INET6, text.c_str(), address.bytes.data()) != 1) std::abort();
  return event::canonical(address);
}

bool is_number(Type type) {
  return type == Type::kInt || type == Type::kUint || type == Type::kTime || type == Type::kDuration || type == Type::kPort ||
         type == Type::kDouble;
}

std::string hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

// What is left of a text that stands for a whole one.
std::string yaml(const std::string& text) {
  std::string out = "'";
  for (const char c : text) (out += c) += c == '\'' ? "'" : "";
  return out + "'";
}

// Names a rule may give a field: with an argument where it takes one.
std::vector<std::string> spellings(const Field& field) {
  const std::string name(field.name);
  switch (field.argument) {
    case event::ArgumentKind::kNone:
      return {name};
    case event::ArgumentKind::kOptionalIndex:
      return {name, name + "[0]", name + "[1]", name + "[3]"};
    case event::ArgumentKind::kRequiredIndex:
      return {name + "[1700000000000000000]"};
    case event::ArgumentKind::kOptionalKey:
      return {name, name + "[HOME]", name + "[\"a b\"]"};
    case event::ArgumentKind::kRequiredKey:
      return {name + "[/proc*]", name + "[app]"};
    case event::ArgumentKind::kParameter:
      return {name + ".flags", name + ".name", name + "[1]",      name + ".data",
              name + ".fd",    name + ".path", name + ".newpath", name + ".uid"};
    case event::ArgumentKind::kRawParameter:
      return {name + ".res",  name + ".name",  name + ".flags",    name + ".tuple",   name + ".data",   name + ".mode",
              name + ".size", name + ".oldfd", name + ".queuepct", name + ".backlog", name + ".newpath"};
    case event::ArgumentKind::kEventType:
      return {name + ".open"};
    case event::ArgumentKind::kSuffix:
      return {name + ".cpu"};
    case event::ArgumentKind::kOptionalSuffix:
      return {name, name + ".src"};
  }
  return {name};
}

std::string flipped(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
    } else if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return text;
}

}  // namespace

std::size_t Dice::below(std::size_t n) {
  if (n <= 1) return 0;
  if (seeded_) return engine_() % n;
  std::size_t number = 0;
  for (std::size_t left = n - 1; left > 0 && !bytes_.empty(); left >>= 8U) {
    number = number << 8U | bytes_.front();
    bytes_ = bytes_.subspan(1);
  }
  return number % n;
}

// --- what a set of rules is about

Generator::Generator(Dice& dice, std::size_t subjects) : Generator(dice, std::vector<std::string>()) {
  static const std::vector<std::string> kOften{"proc.name", "fd.name", "proc.aname", "fd.ip",
                                               "fd.net",    "fd.port", "fd.sport",   "user.uid"};
  while (subjects_.size() < subjects) {
    if (dice_.chance(30)) {
      add_subject(dice_.of(kOften));
      continue;
    }
    const Field& field = event::fields()[dice_.below(event::fields().size())];
    add_subject(dice_.of(spellings(field)));
    if (dice_.exhausted()) break;
  }
}

Generator::Generator(Dice& dice, const std::vector<std::string>& subjects) : dice_(dice) {
  for (const std::string& subject : subjects) add_subject(subject);
  for (int i = 0; i < 8; ++i) texts_.push_back(dice_.of(kTexts));
  for (int i = 0; i < 3; ++i) types_.push_back(dice_.of(kTypes));
  for (int i = 0; i < 4; ++i) addresses_.push_back(parse_address(dice_.of(kAddresses)));
}

void Generator::add_subject(const std::string& name) {
  // Its constants are event types, and so are told apart.
  if (name == "evt.type" || name == "syscall.type" || name == "evt.num") return;
  const auto parsed = lang::parse(name + " exists");
  if (!parsed) std::abort();
  const auto& ref = std::get<lang::FieldRef>(std::get<lang::Compare>((*parsed)->node).left);
  auto use = event::resolve_field(ref.name, ref.argument);
  if (!use) std::abort();
  subjects_.push_back({name, *std::move(use)});
}

std::string Generator::mutate(std::string text) {
  switch (dice_.below(6)) {
    case 0:
      return text + (dice_.chance(50) ? "x" : "/x");
    case 1:
      return text.empty() ? text : text.substr(0, text.size() - 1);
    case 2:
      return text.empty() ? text : text.substr(1);
    case 3:
      return flipped(text);
    case 4:
      return dice_.of(texts_) + text;
    default:
      return dice_.of(kTexts);
  }
}

std::string Generator::text() {
  std::string text = dice_.of(texts_);
  return dice_.chance(25) ? mutate(std::move(text)) : text;
}

std::uint64_t Generator::number(const Field& field) {
  static const std::vector<std::uint64_t> kNumbers{
      0, 1, 2, 3, 22, 80, 443, 1000, 1024, 65535, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615U};
  std::uint64_t number = dice_.of(kNumbers);
  if (dice_.chance(20)) number += dice_.chance(50) ? 1 : ~std::uint64_t{0};
  return number > field.max() ? field.max() : number;
}

event::IpAddress Generator::address() { return dice_.chance(80) ? dice_.of(addresses_) : parse_address(dice_.of(kAddresses)); }

void Generator::event(event::RecordedEvent& event, std::uint64_t number) {
  event.set_type(*event::find_event_type(dice_.chance(80) ? dice_.of(types_) : dice_.of(kTypes)));
  event.set_number(number);
  const auto value = [&](const Field& field, Arena& arena) -> Value {
    switch (field.type) {
      case Type::kString:
      case Type::kBuffer:
      case Type::kOpaque:
        return {arena.concat(text())};
      case Type::kInt: {
        const std::uint64_t size = this->number(field);
        return Value(static_cast<std::int64_t>(dice_.chance(20) ? ~size + 1 : size));
      }
      case Type::kUint:
      case Type::kTime:
      case Type::kDuration:
      case Type::kPort:
        return Value(this->number(field));
      case Type::kDouble:
        return Value(static_cast<double>(dice_.below(60)) / 2);
      case Type::kBool:
        return Value(dice_.chance(50));
      case Type::kIp:
      case Type::kNet:
        return Value(address());
    }
    std::abort();
  };
  Arena arena;
  std::vector<const Subject*> done;
  for (const Subject& subject : subjects_) {
    if (dice_.chance(15) || std::ranges::any_of(done, [&](const Subject* known) { return known->use == subject.use; })) continue;
    done.push_back(&subject);
    const Field& field = *subject.use.field;
    const bool list = field.has(event::kList);
    if (!list && (subject.use.argument.present || (!field.has(event::kExistential) && !field.has(event::kBothEnds)))) {
      event.set(subject.use, value(field, arena));
      continue;
    }
    std::vector<Value> items;
    for (std::size_t left = dice_.below(3) + (list ? 0 : 1); left > 0; --left) items.push_back(value(field, arena));
    if (field.has(event::kBothEnds) && items.size() > 2) items.pop_back();
    event.set(subject.use, Value(event::ValueList{items.data(), items.size()}));
  }
}

// --- constants

// As a condition has it: bare where that is possible, most of the time.
std::string Generator::quote(std::string_view text, bool always) {
  const auto stops = [](char c) {
    static constexpr std::string_view kStops = "()\"'=, \t\n\r\b";
    return kStops.find(c) != std::string_view::npos || static_cast<unsigned char>(c) < 0x20 ||
           static_cast<unsigned char>(c) >= 0x7f;
  };
  static const std::vector<std::string> kWords{"anyof", "oneof", "allof", "not", "and", "or"};
  const bool bare = !text.empty() && std::ranges::none_of(text, stops) && std::ranges::find(kWords, text) == kWords.end();
  if (bare && !always && dice_.chance(70)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      out += "\\x" + hex({&c, 1});
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Generator::literal_text(std::string_view op) {
  std::string text = this->text();
  const std::size_t from = dice_.below(text.size() + 1);
  const std::size_t size = dice_.below(text.size() - from + 1);
  if (op == "contains") return text.substr(from, size);
  if (op == "icontains") return dice_.chance(50) ? flipped(text.substr(from, size)) : text.substr(from, size);
  if (op == "startswith") return text.substr(0, from);
  if (op == "endswith") return text.substr(from);
  if (op == "bcontains") return hex(text.substr(from, size));
  if (op == "bstartswith") return hex(text.substr(0, from));
  if (op == "glob" || op == "iglob") {
    if (op == "iglob" && dice_.chance(50)) text = flipped(text);
    static const std::vector<std::string> kWild{"*", "?", "[a-z]", "[!a]", "**", "\\"};
    text.replace(from, size, dice_.of(kWild));
    if (dice_.chance(30)) text += '*';
    return text;
  }
  if (op == "regex") {
    std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    const std::size_t at = std::min(from, text.size());
    static const std::vector<std::string> kParts{".*", ".", "[[:alpha:]]+", "(a|b|sh)", "[^/]*", "x?", ".{1,3}", "$"};
    return re2::RE2::QuoteMeta(text.substr(0, at)) + dice_.of(kParts) +
           re2::RE2::QuoteMeta(text.substr(std::min(text.size(), at + size)));
  }
  if (op == "pmatch") {
    if (dice_.chance(40)) return text;
    const std::size_t slash = text.find('/', from);
    text = text.substr(0, slash);
    static const std::vector<std::string> kEnds{"/*", "/?tc", "/[a-z]*", "*", "/", "//x"};
    return text + dice_.of(kEnds);
  }
  return text;
}

std::string Generator::literal(Type type, const Subject* subject, std::string_view op) {
  if (is_number(type)) {
    if (subject == nullptr) return std::to_string(dice_.below(2) == 0 ? dice_.of(texts_).size() : dice_.below(9));
    if (type == Type::kDouble) return std::to_string(dice_.below(30));
    static const std::vector<std::string> kServices{"https", "ssh", "http", "\"\""};
    const bool order = op.starts_with('<') || op.starts_with('>');
    if (type == Type::kPort && !order && dice_.chance(30)) return dice_.of(kServices);
    const std::string digits = std::to_string(number(*subject->use.field));
    if (type == Type::kInt && dice_.chance(20)) return "-" + digits;
    return dice_.chance(5) ? "+" + digits : digits;
  }
  switch (type) {
    case Type::kBool:
      return dice_.chance(50) ? "true" : "false";
    case Type::kIp: {
      const event::IpAddress address = this->address();
      return quote(event::to_text(address));
    }
    case Type::kNet:
      return quote(dice_.of(kNetworks));
    default: {
      std::string text = literal_text(op);
      if (text.size() > 240) text.resize(240);
      return quote(text);
    }
  }
}

// (a, b, …), with lists in the file's.
Generator::Text Generator::values(const Operand& left, std::string_view op, bool allow_lists) {
  Text text{"(", "(", false, false};
  std::size_t written = 0;
  const auto add = [&](const std::string& file, const std::string& plain) {
    if (written++ > 0) text.file += dice_.chance(50) ? ", " : ",";
    text.file += file;
    if (plain.empty()) return;
    if (text.plain.size() > 1) text.plain += ", ";
    text.plain += plain;
  };
  static const std::vector<std::size_t> kSizes{1, 2, 3, 0, 2, 5, 40};
  for (std::size_t left_over = dice_.of(kSizes); left_over > 0; --left_over) {
    const std::string one = literal(left.type, left.subject, op);
    add(one, one);
  }
  const bool plain_texts = op == "in" || op == "intersects" || op == "=" || op == "!=";
  if (allow_lists && plain_texts && dice_.chance(40)) {
    const auto suits = [&](const List& list) {  // numbers have their range
      if (is_number(left.type)) return left.subject != nullptr && list.field == left.subject->use.field;
      return list.field->type == left.type;
    };
    std::vector<const List*> fitting;
    for (const List& list : lists_) {
      if (suits(list)) fitting.push_back(&list);
    }
    if (!fitting.empty()) {
      const List& list = *dice_.of(fitting);
      std::string items;
      for (const std::string& item : list.items) items += (items.empty() ? "" : ", ") + item;
      add(list.name, items);
    }
  }
  text.file += ')';
  text.plain += ')';
  return text;
}

// --- operands

const Generator::Subject* Generator::find(Type type, std::uint8_t without, bool list) {
  std::vector<const Subject*> fitting;
  for (const Subject& subject : subjects_) {
    const Field& field = *subject.use.field;
    if (field.type == type && (field.flags & without) == 0 && field.has(event::kList) == list) fitting.push_back(&subject);
  }
  return fitting.empty() ? nullptr : dice_.of(fitting);
}

std::string Generator::transformer_argument(unsigned depth) {
  if (depth > 0 && dice_.chance(30)) {
    static const std::vector<std::string> kNames{"tolower", "toupper", "basename"};
    return dice_.of(kNames) + "(" + transformer_argument(depth - 1) + ")";
  }
  const Subject* subject = find(Type::kString, event::kNoTransform, false);
  if (subject == nullptr || dice_.chance(10)) {
    return quote(this->text(), true);
  }
  return subject->name;
}

Generator::Operand Generator::transformer(unsigned depth) {
  Operand out;
  const Subject* buffer = find(Type::kBuffer, event::kNoTransform, false);
  const auto listed = [&] {
    std::string text = "(";
    for (std::size_t left = dice_.below(4); left > 0; --left) text += (text.size() > 1 ? ", " : "") + transformer_argument(depth);
    return text + ")";
  };
  static const std::vector<std::string> kOptions{"\"ab:\"", "\"a\"", "\"a:b\"", "\"bx\""};
  switch (dice_.below(9)) {
    case 0:
      out.text = "tolower(" + transformer_argument(depth) + ")";
      break;
    case 1:
      out.text = "toupper(" + transformer_argument(depth) + ")";
      break;
    case 2:
      out.text = "basename(" + transformer_argument(depth) + ")";
      break;
    case 3:
      if (buffer != nullptr && dice_.chance(50)) {
        out.text = "b64(" + buffer->name + ")";
        out.type = Type::kBuffer;
      } else {
        out.text = "b64(" + transformer_argument(depth) + ")";
      }
      break;
    case 4:
      out.type = Type::kUint;
      out.text = "len(" +
                 (dice_.chance(30)                        ? listed()
                  : buffer != nullptr && dice_.chance(30) ? buffer->name
                                                          : transformer_argument(depth)) +
                 ")";
      break;
    case 5:
      out.text = "join(" + std::string(dice_.chance(50) ? "\",\"" : "\"\"") + ", " + listed() + ")";
      break;
    case 6: {
      const Subject* any = dice_.chance(50) ? nullptr : find(Type::kUint, event::kNoTransform, false);
      const std::string first = transformer_argument(depth);
      const std::string second = any != nullptr ? any->name : transformer_argument(depth);
      out.text = "concat(" + first + ", " + second + ")";
      break;
    }
    case 7:
      out.text = "getopt(" + listed() + ", " + dice_.of(kOptions) + ")[" + (dice_.chance(60) ? "a" : "b") + "]";
      break;
    default:
      out.text = "getopt(" + listed() + ", " + dice_.of(kOptions) + ")";
      out.list = true;
      break;
  }
  return out;
}

Generator::Operand Generator::operand() {
  if (subjects_.empty() || dice_.chance(12)) return transformer(dice_.chance(30) ? 2 : 0);
  const Subject& subject = dice_.of(subjects_);
  return {subject.name, subject.use.field->type, subject.use.field->has(event::kList), &subject};
}

// --- checks

Generator::Text Generator::type_check() {
  const std::string field = dice_.chance(90) ? "evt.type" : "syscall.type";
  const auto type = [&] { return dice_.chance(80) ? dice_.of(types_) : dice_.of(kTypes); };
  std::string text;
  switch (dice_.below(12)) {
    case 0:
      text = field + " != " + type();
      break;
    case 1:
      text = field + " startswith " + type().substr(0, 4);
      break;
    case 2:
      text = field + " = anyof (" + type() + ", " + type() + ")";
      break;
    case 3:
      text = field + " exists";
      break;
    case 4:
      text = dice_.chance(50) ? "evt.num = 0" : "evt.num >= " + std::to_string(dice_.below(3));
      break;
    case 5:
    case 6:
    case 7:
      text = field + "=" + type();
      break;
    default:
      text = field + " in (" + type() + ", " + type() + ")";
      break;
  }
  return {text, text, false, false};
}

Generator::Text Generator::fresh_check() {
  const Operand left = operand();
  const Field* field = left.subject == nullptr ? nullptr : left.subject->use.field;
  const auto one = [&](const std::string& test) { return Text{left.text + test, left.text + test, false, false}; };
  if (field != nullptr && field->has(event::kWithin)) return one(" = " + std::to_string(dice_.below(2000)));
  if (left.type == Type::kOpaque || dice_.chance(5)) return one(" exists");
  if (left.list) {
    const std::string op = dice_.chance(50) ? "in" : "intersects";
    const Subject* right =
        field == nullptr || field->has(event::kNoRhs) || dice_.chance(80) ? nullptr : find(left.type, event::kNoRhs, true);
    if (right != nullptr) return one(" " + op + " val(" + right->name + ")");
    const Text list = values(left, op, true);
    return {left.text + " " + op + list.file, left.text + " " + op + " " + list.plain, false, false};
  }

  std::vector<std::string> ops{"=", "!=", "in", "intersects"};
  if (is_number(left.type)) ops.insert(ops.end(), {"<", "<=", ">", ">="});
  if (left.type == Type::kString) {
    ops.insert(ops.end(), {"contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex", "pmatch"});
    if (dice_.chance(30)) ops.insert(ops.end(), {"startswith", "startswith", "endswith", "pmatch"});
  }
  if (left.type == Type::kBuffer)
    ops.insert(ops.end(), {"contains", "startswith", "endswith", "bcontains", "bcontains", "bstartswith"});
  std::string op = dice_.of(ops);

  // A field or a transformer on the right.
  const bool may_compare = left.type != Type::kNet && (field == nullptr || !field->has(event::kNoRhs)) && op != "regex" &&
                           op != "pmatch" && op != "in" && op != "intersects";
  if (may_compare && dice_.chance(20)) {
    if (left.type == Type::kString && dice_.chance(30)) {
      const std::string right = "tolower(" + transformer_argument(1) + ")";
      return one(" " + op + " " + right);
    }
    static const std::vector<std::string> kOrder{"<", "<=", ">", ">="};
    const Subject* right = find(left.type, event::kNoRhs, false);
    if (right != nullptr && left.type == Type::kString && dice_.chance(20)) op = dice_.of(kOrder);
    if (right != nullptr) return one(" " + op + " val(" + right->name + ")");
  }

  const bool list_op = op == "in" || op == "intersects" || op == "pmatch";
  const bool order = op.starts_with('<') || op.starts_with('>');
  if (list_op) {
    const Text list = values(left, op, true);
    return {left.text + " " + op + " " + list.file, left.text + " " + op + " " + list.plain, false, false};
  }
  if (!order && dice_.chance(20)) {
    static const std::vector<std::string> kModifiers{"anyof", "allof", "oneof"};
    const std::string& modifier = dice_.of(kModifiers);
    const Text list = values(left, op, true);
    return {left.text + " " + op + " " + modifier + " " + list.file, left.text + " " + op + " " + modifier + " " + list.plain,
            false, false};
  }
  if (op == "=" && dice_.chance(20)) op = "==";
  return one(" " + op + " " + literal(left.type, left.subject, op));
}

Generator::Text Generator::check() {
  if (!macros_.empty() && dice_.chance(15)) {
    const Macro& macro = dice_.of(macros_);
    return {macro.name, "(" + macro.plain + ")", false, false};
  }
  if (!checks_.empty() && dice_.chance(40)) return dice_.of(checks_);
  Text text = fresh_check();
  if (checks_.size() < 40) checks_.push_back(text);
  return text;
}

Generator::Text Generator::group(std::vector<Text> operands, bool all) {
  Text text;
  for (Text& operand : operands) {
    const bool needed = all && operand.is_or;
    if (needed || ((operand.is_or || operand.is_and) && dice_.chance(50))) operand.file = "(" + operand.file + ")";
    if (!text.file.empty()) {
      text.file += all ? " and " : " or ";
      text.plain += all ? " and " : " or ";
    }
    text.file += operand.file;
    text.plain += "(" + operand.plain + ")";
  }
  text.is_and = all && operands.size() > 1;
  text.is_or = !all && operands.size() > 1;
  return text;
}

Generator::Text Generator::condition(unsigned depth) {
  Text text;
  if (depth == 0 || !dice_.chance(75)) {
    text = dice_.chance(15) ? type_check() : check();
  } else {
    std::vector<Text> operands;
    const bool all = dice_.chance(50);
    for (std::size_t left = 2 + dice_.below(2); left > 0; --left) operands.push_back(condition(depth - 1));
    text = group(std::move(operands), all);
  }
  if (!dice_.chance(25)) return text;
  return {"not (" + text.file + ")", "not (" + text.plain + ")", false, false};
}

// As most rules are: some events, some checks, not some others.
Generator::Text Generator::typical_rule() {
  std::vector<Text> operands{type_check()};
  for (std::size_t left = 1 + dice_.below(2); left > 0; --left) operands.push_back(condition(1));
  if (dice_.chance(40)) {
    const Text without = condition(1);
    operands.push_back({"not (" + without.file + ")", "not (" + without.plain + ")", false, false});
  }
  return group(std::move(operands), true);
}

// --- rules

// The YAML of some exceptions; adds to `plain` what they mean.
std::string Generator::exceptions(std::string& plain) {
  std::vector<const Subject*> usable;
  for (const Subject& subject : subjects_) {
    const Field& field = *subject.use.field;
    if (field.type != Type::kOpaque && !field.has(event::kWithin) && !field.has(event::kList)) usable.push_back(&subject);
  }
  if (usable.empty()) return {};
  std::string out = "  exceptions:\n";
  plain = "(" + plain + ")";
  for (std::size_t e = 0, count = 1 + dice_.below(2); e < count; ++e) {
    out += "    - name: e" + std::to_string(e) + "\n";
    if (dice_.chance(40)) {  // one field, one list
      const Subject& subject = *dice_.of(usable);
      const Operand left{subject.name, subject.use.field->type, false, &subject};
      const Text list = values(left, "in", false);
      if (list.plain == "()") {
        out += "      fields: " + yaml(left.text) + "\n      values: []\n";
        continue;
      }
      std::string items;
      std::string plain_items;
      for (std::size_t left_over = 1 + dice_.below(3); left_over > 0; --left_over) {
        const std::string item = literal(left.type, left.subject, "in");
        items += (items.empty() ? "" : ", ") + yaml(item);
        plain_items += (plain_items.empty() ? "" : ", ") + item;
      }
      out += "      fields: " + yaml(left.text) + "\n      values: [" + items + "]\n";
      plain += " and not (" + left.text + " in (" + plain_items + "))";
      continue;
    }
    std::vector<Operand> lefts;
    std::string fields;
    std::string comps;
    std::vector<std::string> ops;
    for (std::size_t left_over = 1 + dice_.below(2); left_over > 0; --left_over) {
      const Subject& subject = *dice_.of(usable);
      lefts.push_back({subject.name, subject.use.field->type, false, &subject});
      std::vector<std::string> choice{"=", "!=", "in"};
      if (lefts.back().type == Type::kString) choice.insert(choice.end(), {"startswith", "endswith", "pmatch", "contains"});
      if (is_number(lefts.back().type)) choice.insert(choice.end(), {"<", ">="});
      ops.push_back(dice_.of(choice));
      fields += (fields.empty() ? "" : ", ") + yaml(subject.name);
      comps += (comps.empty() ? "" : ", ") + yaml(ops.back());
    }
    std::string rows;
    std::string groups;
    for (std::size_t row = 0, count_rows = 1 + dice_.below(2); row < count_rows; ++row) {
      std::string cells;
      std::string checks;
      for (std::size_t i = 0; i < lefts.size(); ++i) {
        const bool list_op = ops[i] == "in" || ops[i] == "pmatch";
        std::string value = literal(lefts[i].type, lefts[i].subject, ops[i]);
        std::string cell = yaml(value);
        if (list_op && dice_.chance(50)) {
          const std::string more = literal(lefts[i].type, lefts[i].subject, ops[i]);
          cell = "[" + cell + ", " + yaml(more) + "]";
          value += ", " + more;
        }
        cells += (cells.empty() ? "" : ", ") + cell;
        checks += (checks.empty() ? "" : " and ") + lefts[i].text + " " + ops[i] + " " + (list_op ? "(" + value + ")" : value);
      }
      rows += "        - [" + cells + "]\n";
      groups += std::string(groups.empty() ? "" : " or ") + "(" + checks + ")";
    }
    out += "      fields: [" + fields + "]\n      comps: [" + comps + "]\n      values:\n" + rows;
    plain += " and not (" + groups + ")";
  }
  return out;
}

RuleFile Generator::rules(std::size_t count) {
  RuleFile out;
  for (std::size_t l = 0, lists = dice_.below(4); l < lists && !subjects_.empty(); ++l) {
    const Subject& subject = dice_.of(subjects_);
    List list{"list_" + std::to_string(l), {}, subject.use.field};
    const Type type = list.field->type;
    if (type == Type::kOpaque || list.field->has(event::kWithin)) continue;
    std::string items;
    for (const List& inner : lists_) {
      if ((is_number(type) ? inner.field != list.field : inner.field->type != type) || !dice_.chance(40)) continue;
      items += inner.name + ", ";
      list.items.insert(list.items.end(), inner.items.begin(), inner.items.end());
    }
    for (std::size_t left = dice_.below(4); left > 0; --left) {
      list.items.push_back(literal(type, &subject, "in"));
      items += yaml(list.items.back()) + ", ";
    }
    if (!items.empty()) items.resize(items.size() - 2);
    out.yaml += "- list: " + list.name + "\n  items: [" + items + "]\n";
    lists_.push_back(std::move(list));
  }
  for (std::size_t m = 0, macros = dice_.below(4); m < macros; ++m) {
    const Text text = condition(2);
    out.yaml += "- macro: macro_" + std::to_string(m) + "\n  condition: " + yaml(text.file) + "\n";
    macros_.push_back({"macro_" + std::to_string(m), text.plain});
  }
  for (std::size_t r = 0; r < count; ++r) {
    PlainRule rule;
    rule.name = "r" + std::to_string(r);
    Text text = dice_.chance(60) ? typical_rule() : condition(3);
    rule.condition = text.plain;
    out.yaml += "- rule: " + rule.name + "\n  desc: d\n  condition: " + yaml(text.file) + "\n  output: o\n  priority: INFO\n";
    if (dice_.chance(20)) out.yaml += exceptions(rule.condition);
    if (dice_.chance(5)) {
      rule.enabled = false;
      out.yaml += "  enabled: false\n";
    }
    out.rules.push_back(std::move(rule));
    if (dice_.exhausted()) break;
  }
  return out;
}

}  // namespace shrike::judge
