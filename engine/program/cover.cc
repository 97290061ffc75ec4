// SPDX-License-Identifier: Apache-2.0
#include "engine/program/cover.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <re2/filtered_re2.h>
#include <re2/re2.h>
#include <utility>

namespace shrike::program {
namespace {

// Literals that every match of a glob has. `first` and `last`: what it begins and ends with, empty if that is open.
struct GlobParts {
  std::string first, last;
  std::string longest;  // of those between
};

GlobParts glob_parts(std::string_view pattern) {
  pattern = pattern.substr(0, pattern.find('\0'));  // fnmatch looks no further
  GlobParts parts;
  std::string run;
  bool at_start = true;
  const auto end_run = [&] {
    if (at_start) parts.first = run;
    if (run.size() > parts.longest.size()) parts.longest = run;
    run.clear();
    at_start = false;
  };
  std::size_t i = 0;
  for (; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '[') break;  // where a bracket ends is fnmatch's to say
    if (c == '*' || c == '?') {
      end_run();
    } else if (c == '\\') {
      if (++i == pattern.size()) break;
      run += pattern[i];
    } else {
      run += c;
    }
  }
  if (i >= pattern.size() && !pattern.ends_with('\\')) parts.last = run;
  end_run();
  return parts;
}

// Pieces one of which is in every text the expression matches, as few and as long as can be; empty: there may be none.
std::vector<std::string> regex_pieces(const re2::RE2& regex) {
  static constexpr int kLeast = 3;
  static constexpr std::size_t kMost = 32;
  re2::FilteredRE2 filter(kLeast);
  int id = 0;
  if (filter.Add(regex.pattern(), regex.options(), &id) != re2::RE2::NoError) return {};
  std::vector<std::string> pieces;
  filter.Compile(&pieces);
  if (pieces.empty() || pieces.size() > kMost) return {};
  std::vector<bool> needed(pieces.size(), true);
  // Could a text match that has none of the needed pieces, but all others?
  const auto escapes = [&] {
    std::vector<int> present;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (!needed[i]) present.push_back(static_cast<int>(i));
    }
    std::vector<int> potentials;
    filter.AllPotentials(present, &potentials);
    return !potentials.empty();
  };
  if (escapes()) return {};
  std::vector<std::size_t> by_size(pieces.size());
  std::iota(by_size.begin(), by_size.end(), 0);
  std::ranges::sort(by_size, {}, [&](std::size_t i) { return pieces[i].size(); });
  for (const std::size_t i : by_size) {
    needed[i] = false;
    if (escapes()) needed[i] = true;
  }
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!needed[i]) continue;
    if (std::ranges::any_of(pieces[i], [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) return {};
    kept.push_back(std::move(pieces[i]));
  }
  return kept;
}

constexpr double kAskNs = 60;     // a rule that is asked in vain
constexpr double kPiecesNs = 25;  // looking for pieces in a text

// To get a field's value and look it up, about.
double lookup_ns(std::string_view field, event::EventType type) {
  const bool socket = type >= event::EventType::kConnect && type != event::EventType::kOpenByHandleAt;
  if (field.starts_with("evt.arg") || field == "evt.info" || field.starts_with("evt.time") || field.starts_with("thread.cap"))
    return 400;
  if (field == "fd.name" || field == "fd.nameraw") return socket ? 300 : 10;
  if (field == "fd.directory" || field == "fd.filename") return 12;
  if (field.starts_with("proc.a") && field != "proc.args") return 60;
  if (field == "proc.sname" || field == "proc.exeline") return 40;
  return 6;
}

// How much of the events' values a text lets through, guessed by what it is compared with and how long it is.
double odds_of(const Key& key) {
  const auto by_length = [](std::size_t size, double base) { return std::max(1e-4, std::pow(base, static_cast<double>(size))); };
  switch (key.kind) {
    case Key::Kind::kText:
      return 1e-3;
    case Key::Kind::kPrefix:
    case Key::Kind::kPath:
      return by_length(key.text.size(), 0.6);
    case Key::Kind::kSuffix:
    case Key::Kind::kPiece:
    case Key::Kind::kRegex:
      return by_length(key.text.size(), 0.5);
    case Key::Kind::kNumber:
      return 0.01;
    case Key::Kind::kRange:
      return 0.3;
    case Key::Kind::kFlag:
      return 0.5;
    case Key::Kind::kAddress:
      return 1e-4;
    case Key::Kind::kNetwork:
      return by_length(key.network->prefix, 0.8);
  }
  return 1;
}

// Of the field: names of programs repeat more than files' do; most files are opened to read.
double weight_of(std::string_view field, const Key& key) {
  if (field.starts_with("evt.arg")) return 100;
  if (field == "evt.is_open_read") return key.flag ? 1.8 : 0.4;
  if (field == "evt.is_open_write" || field == "evt.is_open_exec" || field == "evt.is_open_create" || field == "evt.failed")
    return key.flag ? 0.6 : 1.9;
  if (field == "fd.typechar" || field == "fd.type" || field == "container.id" || field == "user.name" || field == "evt.res")
    return 1000;
  if (field == "fd.sockfamily") return 800;
  if (field == "fd.l4proto") return 400;
  if (field == "fd.num" || field == "evt.rawres") return 100;
  if (field == "user.uid") return 30;
  if (key.kind == Key::Kind::kFlag && field.starts_with("proc.")) return key.flag ? 0.1 : 1.9;
  if (field.starts_with("proc.a")) return 10;
  if (field.starts_with("proc.")) return 2;
  return 1;
}

}  // namespace

std::optional<Keys> Keys::of(const Predicate& p) {
  if (p.list) return std::nullopt;  // `in` holds for an empty list, which has no keys
  Keys found;
  const auto borrow = [&](Key::Kind kind, std::string_view text) { found.keys_.push_back({.kind = kind, .text = text}); };
  // Of all there is one to have; the longest tells most.
  const bool all = p.quantifier == Quantifier::kAllof;

  if (const auto* texts = std::get_if<Texts>(&p.constants)) {
    if (p.op == Op::kGlob || p.op == Op::kIglob) {
      found.texts_.reserve(texts->size());
      for (const std::string& pattern : *texts) {
        GlobParts parts = glob_parts(pattern);
        const bool exact_case = p.op == Op::kGlob;
        Key::Kind kind = Key::Kind::kPiece;
        std::string text = std::move(parts.longest);
        if (exact_case && parts.last.size() >= text.size()) {
          kind = Key::Kind::kSuffix;
          text = std::move(parts.last);
        }
        if (exact_case && parts.first.size() > text.size()) {
          kind = Key::Kind::kPrefix;
          text = std::move(parts.first);
        }
        if (text.empty()) {
          if (all) continue;
          return std::nullopt;
        }
        found.texts_.push_back(std::move(text));
        borrow(kind, found.texts_.back());
      }
    } else {
      Key::Kind kind = Key::Kind::kText;
      switch (p.op) {
        case Op::kEqual:
        case Op::kIn:
        case Op::kIntersects:
          break;
        case Op::kStartswith:
        case Op::kBstartswith:
          kind = Key::Kind::kPrefix;
          break;
        case Op::kEndswith:
          kind = Key::Kind::kSuffix;
          break;
        case Op::kContains:
        case Op::kIcontains:
        case Op::kBcontains:
          kind = Key::Kind::kPiece;
          break;
        default:
          return std::nullopt;
      }
      for (const std::string& text : *texts) {
        if (text.empty() && kind != Key::Kind::kText) return std::nullopt;  // every text has it
        borrow(kind, text);
      }
    }
  } else if (const auto* regexes = std::get_if<Regexes>(&p.constants)) {
    std::vector<std::vector<std::string>> pieces;
    for (const auto& regex : regexes->items) {
      pieces.push_back(regex_pieces(*regex));
      if (pieces.back().empty() && !all) return std::nullopt;
    }
    if (all) {
      const auto best = std::ranges::find_if(pieces, [](const auto& of_one) { return !of_one.empty(); });
      if (best == pieces.end()) return std::nullopt;
      pieces = {std::vector<std::string>(*best)};
    }
    for (auto& of_one : pieces) std::ranges::move(of_one, std::back_inserter(found.texts_));
    for (const std::string& text : found.texts_) borrow(Key::Kind::kRegex, text);
    return found;
  } else if (const auto* patterns = std::get_if<std::vector<PathPattern>>(&p.constants)) {
    found.texts_.reserve(patterns->size());
    for (const PathPattern& pattern : *patterns) {
      std::string path;
      for (const PathPattern::Component& component : pattern.components) {
        if (component.glob) break;
        (path += '/') += component.text;
      }
      if (path.empty()) return std::nullopt;
      found.texts_.push_back(std::move(path));
      borrow(Key::Kind::kPath, found.texts_.back());
    }
    return found;
  } else if (const auto* numbers = std::get_if<Numbers>(&p.constants)) {
    const bool least = p.op == Op::kGreater || p.op == Op::kGreaterEqual;
    const bool most = p.op == Op::kLess || p.op == Op::kLessEqual;
    if (p.op == Op::kNotEqual) return std::nullopt;
    for (const auto& number : *numbers)
      found.keys_.push_back({.kind = least || most ? Key::Kind::kRange : Key::Kind::kNumber, .number = number, .flag = most});
  } else if (const auto* flags = std::get_if<std::vector<bool>>(&p.constants)) {
    if (p.op != Op::kEqual && p.op != Op::kIn && p.op != Op::kIntersects) return std::nullopt;
    for (const bool flag : *flags) found.keys_.push_back({.kind = Key::Kind::kFlag, .flag = flag});
  } else if (const auto* addresses = std::get_if<std::vector<event::IpAddress>>(&p.constants)) {
    if (p.op != Op::kEqual && p.op != Op::kIn && p.op != Op::kIntersects) return std::nullopt;
    for (const auto& address : *addresses) found.keys_.push_back({.kind = Key::Kind::kAddress, .address = &address});
  } else if (const auto* networks = std::get_if<std::vector<Network>>(&p.constants)) {
    if (p.op != Op::kEqual && p.op != Op::kIn && p.op != Op::kIntersects) return std::nullopt;
    for (const Network& network : *networks) found.keys_.push_back({.kind = Key::Kind::kNetwork, .network = &network});
  } else {
    return std::nullopt;  // exists, val()
  }
  if (all && found.keys_.size() > 1) {
    const Key longest = *std::ranges::max_element(found.keys_, {}, [](const Key& key) { return key.text.size(); });
    found.keys_ = {longest};
  }
  if (found.keys_.empty() && all) return std::nullopt;
  return found;
}

std::optional<bool> answer_by_type(const Program& program, const Predicate& predicate, event::EventType type) {
  const event::Field* field = program.slots[predicate.slot].use.field;
  if (field == nullptr || std::holds_alternative<std::uint32_t>(predicate.constants)) return std::nullopt;
  if (field->name != "evt.type") return std::nullopt;
  return holds(predicate, type == event::EventType::kNone ? event::Value() : event::Value(event::name(type)));
}

Coverer::Coverer(const Program& program)
    : program_(program), known_(program.predicates.size()), fixed_(program.predicates.size()), paid_(program.slots.size()) {
  for (std::uint32_t p = 0; p < program.predicates.size(); ++p) {
    if (answer_by_type(program, program.predicates[p], event::EventType::kNone)) by_type_.push_back(p);
  }
}

void Coverer::suppose(event::EventType type, std::span<const Answer> answers) {
  for (const std::uint32_t p : by_type_) fixed_[p] = answer_by_type(program_, program_.predicates[p], type);
  for (const Answer& answer : supposed_) fixed_[answer.predicate].reset();
  supposed_.assign(answers.begin(), answers.end());
  for (const Answer& answer : supposed_) fixed_[answer.predicate] = answer.holds;
  type_ = type;
  std::ranges::fill(paid_, std::uint8_t{0});
}

Coverer::Cover Coverer::cover(std::uint32_t root) { return of_node(root, true); }

double Coverer::pay(const Cover& cover) {
  double price = 0;
  for (const std::uint32_t predicate : cover.predicates) {
    const Known& known = known_[predicate];
    std::uint8_t& paid = paid_[program_.predicates[predicate].slot];
    price += price_of(predicate);
    paid = static_cast<std::uint8_t>(paid | kValuePaid | (known.pieces ? kPiecesPaid : 0));
  }
  return price;
}

// Of looking up, beyond what is paid for.
double Coverer::price_of(std::uint32_t predicate) const {
  const std::uint32_t slot = program_.predicates[predicate].slot;
  const Known& known = known_[predicate];
  double price = 0;
  if ((paid_[slot] & kValuePaid) == 0) price += lookup_ns(program_.slots[slot].use.field->name, type_);
  if (known.pieces && (paid_[slot] & kPiecesPaid) == 0) price += kPiecesNs;
  return price;
}

const std::optional<Keys>& Coverer::keys(std::uint32_t predicate) {
  Known& known = known_[predicate];
  if (!known.looked) {
    known.looked = true;
    const Predicate& p = program_.predicates[predicate];
    const event::Field* field = program_.slots[p.slot].use.field;
    // Null: a transformed value is not looked up.
    if (field != nullptr) known.keys = Keys::of(p);
    known.odds = 0;
    if (known.keys) {
      for (const Key& key : known.keys->all()) {
        known.odds += odds_of(key) * weight_of(field->name, key);
        known.pieces = known.pieces || key.kind == Key::Kind::kPiece || key.kind == Key::Kind::kRegex;
      }
    }
    known.odds = std::min(known.odds, 1.0);
  }
  return known.keys;
}

Coverer::Cover Coverer::of_check(std::uint32_t predicate, bool wanted) {
  if (fixed_[predicate]) return {*fixed_[predicate] == wanted ? Cover::Kind::kAlways : Cover::Kind::kNever, {}, 1, kAskNs};
  // An absent value makes a check false: that one does not hold has no keys.
  if (!wanted || !keys(predicate)) return {};
  if (keys(predicate)->all().empty()) return {Cover::Kind::kNever, {}, 0, 0};
  const double odds = known_[predicate].odds;
  return {Cover::Kind::kSome, {predicate}, odds, odds * kAskNs + price_of(predicate)};
}

Coverer::Cover Coverer::of_node(std::uint32_t at, bool wanted) {
  const Node& node = program_.nodes[at];
  if (node.kind == Node::Kind::kCheck) return of_check(node.first, wanted);
  if (node.kind == Node::Kind::kNot) return of_node(program_.children[node.first], !wanted);
  // De Morgan: that an `or` does not hold asks as much as that an `and` does.
  const bool all = (node.kind == Node::Kind::kAnd) == wanted;
  Cover best = all ? Cover{} : Cover{Cover::Kind::kNever, {}, 0, 0};
  for (std::uint32_t i = 0; i < node.count; ++i) {
    Cover child = of_node(program_.children[node.first + i], wanted);
    if (all) {
      if (child.kind == Cover::Kind::kNever) return child;
      if (child.kind == Cover::Kind::kSome && child.cost < best.cost) best = std::move(child);
    } else {
      if (child.kind == Cover::Kind::kAlways) return {};
      if (child.kind == Cover::Kind::kNever) continue;
      best.kind = Cover::Kind::kSome;
      for (const std::uint32_t predicate : child.predicates) {
        if (std::ranges::find(best.predicates, predicate) == best.predicates.end()) best.predicates.push_back(predicate);
      }
      best.odds = std::min(1.0, best.odds + child.odds);
    }
  }
  if (!all && best.kind == Cover::Kind::kSome) {
    best.cost = best.odds * kAskNs;
    for (const std::uint32_t predicate : best.predicates) best.cost += price_of(predicate);
  }
  return best;
}

}  // namespace shrike::program
