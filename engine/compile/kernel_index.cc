// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/kernel_index.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace shrike::compile {
namespace {

using event::Value;
using program::ClauseSet;
using program::ClauseVector;
using program::KernelField;
using program::KernelPlan;

__extension__ using Number = unsigned __int128;

// What clause `bit` asks of a field.
struct Asked {
  std::size_t bit = 0;
  std::vector<const KernelLiteral*> literals;
};

// The clauses that ask for one field, and their checks.
class FieldClauses {
 public:
  FieldClauses(const std::vector<const KernelClause*>& clauses, KernelField field) : field_(field) {
    for (std::size_t bit = 0; bit < clauses.size(); ++bit) {
      Asked asked{bit, {}};
      for (const KernelLiteralPtr& literal : clauses[bit]->all) {
        if (literal->field() == field) asked.literals.push_back(literal.get());
      }
      everything_.set(bit);
      if (!asked.literals.empty()) asked_.push_back(std::move(asked));
    }
    for (const Asked& asked : asked_) {
      for (const KernelLiteral* literal : asked.literals) {
        for (const KernelTerm& term : literal->any) checks_.try_emplace(term.check.get(), false);
      }
    }
  }

  KernelField field() const { return field_; }
  bool empty() const { return asked_.empty(); }
  const auto& checks() const { return checks_; }

  // The vector of the value for which `value_of(check)` is what the check looks at.
  template <class ValueOf>
  ClauseVector vector(ValueOf value_of) {
    for (auto& [check, truth] : checks_) truth = check->holds(value_of(*check));
    ClauseVector out{everything_, everything_};
    for (const Asked& asked : asked_) {
      for (const KernelLiteral* literal : asked.literals) {
        if (holds(*literal)) continue;
        const bool minus = has_many_sources(field_) && literal->negated();
        (minus ? out.minus : out.plus).reset(asked.bit);
      }
    }
    return out;
  }

 private:
  bool holds(const KernelLiteral& literal) const {
    return std::ranges::any_of(literal.any, [&](const KernelTerm& term) { return checks_.at(term.check.get()) != term.negated; });
  }

  KernelField field_;
  ClauseSet everything_;
  std::vector<Asked> asked_;
  std::unordered_map<const KernelCheck*, bool> checks_;  // and the truth for the value at hand
};

// What the engine's field says where the kernel has no value.
Value absent_value(KernelField field) {
  if (field == KernelField::kExepath || field == KernelField::kPath) return "";
  return field == KernelField::kName ? Value("<NA>") : Value();
}

// --- texts

void index_texts(FieldClauses& clauses, KernelPlan& plan) {
  std::set<std::string> keys;
  for (const auto& [check, truth] : clauses.checks()) keys.insert(check->keys.begin(), check->keys.end());
  std::size_t longest = 0;
  for (const std::string& key : keys) longest = std::max(longest, key.size());
  const auto of_text = [&](const std::string& text) { return clauses.vector([&](const KernelCheck&) { return Value(text); }); };
  plan.otherwise[static_cast<std::size_t>(clauses.field())] = of_text(other_text(longest));
  for (const std::string& key : keys) plan.texts.push_back({clauses.field(), key, of_text(sample_of(key, longest))});
}

// --- numbers: the constants cut them into intervals, each interval becomes prefixes

std::uint8_t width_of(KernelField field) {
  if (field == KernelField::kUid) return 32;
  return field == KernelField::kPort ? 16 : 128;
}

Number highest(unsigned bits) { return bits == 128 ? ~Number{0} : (Number{1} << bits) - 1; }

constexpr Number kMappedFirst = Number{0xffff} << 32U;  // ::ffff:0.0.0.0
constexpr Number kMappedLast = kMappedFirst + 0xffffffff;

Number to_number(const event::IpAddress& address) {
  Number number = address.family == 4 ? 0xffff : 0;
  const std::size_t size = address.family == 4 ? 4 : 16;
  for (std::size_t i = 0; i < size; ++i) number = (number << 8U) | address.bytes[i];
  return number;
}

event::IpAddress to_address(Number number) {
  event::IpAddress address;
  address.family = number >= kMappedFirst && number <= kMappedLast ? 4 : 6;
  const std::size_t size = address.family == 4 ? 4 : 16;
  for (std::size_t i = size; i-- > 0; number >>= 8U) address.bytes[i] = static_cast<std::uint8_t>(number & 0xffU);
  return address;
}

// The places where the truth of some check can change.
class Cuts {
 public:
  explicit Cuts(unsigned bits) : last_(highest(bits)) { starts_.insert(0); }

  void add(const program::Constants& constants) {
    if (const auto* numbers = std::get_if<program::Numbers>(&constants)) {
      for (const auto& number : *numbers) {
        const auto at = std::visit([](auto n) { return n < 0 ? Number{0} : static_cast<Number>(n); }, number);
        add(at, at);
      }
    }
    if (const auto* addresses = std::get_if<std::vector<event::IpAddress>>(&constants)) {
      for (const event::IpAddress& address : *addresses) add(to_number(address), to_number(address));
    }
    if (const auto* networks = std::get_if<std::vector<program::Network>>(&constants)) {
      for (const program::Network& network : *networks) {
        const Number first = to_number(network.address);
        add(first, first | highest((network.address.family == 4 ? 32U : 128U) - network.prefix));
      }
    }
  }
  void add(Number first, Number last) {
    if (first > last_) return;
    starts_.insert(first);
    if (last < last_) starts_.insert(last + 1);
  }

  const std::set<Number>& starts() const { return starts_; }
  Number last() const { return last_; }

 private:
  Number last_;
  std::set<Number> starts_;
};

struct Interval {
  Number first = 0;
  Number last = 0;
  ClauseVector vector;
};

std::vector<Interval> intervals_of(FieldClauses& clauses, unsigned bits) {
  Cuts cuts(bits);
  const bool addresses = clauses.field() == KernelField::kAddress;
  if (addresses) cuts.add(kMappedFirst, kMappedLast);  // IPv4 lies in no IPv6 network
  for (const auto& [check, truth] : clauses.checks()) cuts.add(check->predicate.constants);
  std::vector<Interval> intervals;
  for (auto start = cuts.starts().begin(); start != cuts.starts().end(); ++start) {
    const auto next = std::next(start);
    const Number last = next == cuts.starts().end() ? cuts.last() : *next - 1;
    const Value value = addresses ? Value(to_address(*start)) : Value(static_cast<std::uint64_t>(*start));
    const ClauseVector vector = clauses.vector([&](const KernelCheck&) { return value; });
    if (!intervals.empty() && intervals.back().vector == vector) {
      intervals.back().last = last;
    } else {
      intervals.push_back({*start, last, vector});
    }
  }
  return intervals;
}

void add_prefixes(const Interval& interval, KernelField field, unsigned bits, KernelPlan& plan) {
  Number first = interval.first;
  while (true) {
    unsigned free = 0;  // low bits of the largest block that begins here and fits
    while (free < bits && (first & highest(free + 1)) == 0 && interval.last - first >= highest(free + 1)) ++free;
    KernelPlan::Range range{field, {}, static_cast<std::uint8_t>(bits - free), interval.vector};
    for (unsigned i = 0; i < bits / 8; ++i) range.number[i] = static_cast<std::uint8_t>((first >> (bits - 8 - 8 * i)) & 0xffU);
    plan.ranges.push_back(range);
    if (interval.last - first == highest(free)) return;
    first += highest(free) + 1;
  }
}

// What holds in the widest interval needs no key.
void index_numbers(FieldClauses& clauses, KernelPlan& plan) {
  const unsigned bits = width_of(clauses.field());
  const std::vector<Interval> intervals = intervals_of(clauses, bits);
  const auto width = [](const Interval& interval) { return interval.last - interval.first; };
  const ClauseVector otherwise = std::ranges::max_element(intervals, {}, width)->vector;
  plan.otherwise[static_cast<std::size_t>(clauses.field())] = otherwise;
  for (const Interval& interval : intervals) {
    if (interval.vector != otherwise) add_prefixes(interval, clauses.field(), bits, plan);
  }
}

// --- fields with few values

enum : std::uint8_t { kRead = 1, kWrite = 2, kDirectory = 4 };  // enum policy_access

std::size_t value_count(KernelField field) {
  if (field == KernelField::kContainer) return 2;
  return field == KernelField::kAccess ? 8 : 5;
}

Value value_of(const KernelCheck& check, std::size_t value) {
  static constexpr std::string_view kProtocols[] = {"<NA>", "tcp", "udp", "icmp", "raw"};  // enum policy_protocol
  const std::string_view field = check.use.field->name;
  const bool directory = (value & kDirectory) != 0;
  if (field == "evt.is_open_read") return Value((value & kRead) != 0);
  if (field == "evt.is_open_write") return Value((value & kWrite) != 0);
  if (field == "fd.typechar") return directory ? "d" : "f";
  if (field == "fd.type") return directory ? "directory" : "file";
  if (field == "container.id") return value == 0 ? "host" : "0123456789ab";
  return kProtocols[value];
}

void index_values(FieldClauses& clauses, KernelPlan& plan) {
  plan.otherwise[static_cast<std::size_t>(clauses.field())] = clauses.vector([](const KernelCheck&) { return Value(); });
  for (std::size_t value = 0; value < value_count(clauses.field()); ++value) {
    plan.values.push_back(
        {clauses.field(), value, clauses.vector([&](const KernelCheck& check) { return value_of(check, value); })});
  }
}

void index_field(FieldClauses& clauses, KernelPlan& plan) {
  switch (clauses.field()) {
    case KernelField::kExepath:
    case KernelField::kName:
    case KernelField::kPname:
    case KernelField::kAname:
    case KernelField::kCgroup:
    case KernelField::kPath:
    case KernelField::kFilename:
      return index_texts(clauses, plan);
    case KernelField::kUid:
    case KernelField::kAddress:
    case KernelField::kPort:
      return index_numbers(clauses, plan);
    case KernelField::kContainer:
    case KernelField::kAccess:
    case KernelField::kProtocol:
      return index_values(clauses, plan);
  }
}

}  // namespace

void index_clauses(const std::vector<const KernelClause*>& clauses, KernelPlan& plan) {
  for (std::size_t i = 0; i < program::kKernelFields; ++i) {
    const auto field = static_cast<KernelField>(i);
    FieldClauses of_field(clauses, field);
    const ClauseVector absent = of_field.vector([&](const KernelCheck&) { return absent_value(field); });
    plan.absent[i] = absent;
    plan.otherwise[i] = absent;
    if (of_field.empty()) continue;
    plan.fields.set(i);
    index_field(of_field, plan);
  }
}

}  // namespace shrike::compile
