// SPDX-License-Identifier: Apache-2.0
// KernelPlan is what block and kill rules compile to: the clause vectors of bpf/abi/policy.h as a value, made by engine/compile
// without a kernel and written into maps by engine/kernel. What each part means stands in bpf/abi/policy.h.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event_type.h"
#include "engine/event/semantics.h"

namespace shrike::program {

// The cap of bpf/abi/limits.h (POLICY_WORDS × 64, POLICY_RULES_MAX); engine/kernel asserts that they are the same.
inline constexpr std::size_t kMaxClauses = 1024;
inline constexpr std::size_t kMaxPlanRules = 1024;
using ClauseSet = std::bitset<kMaxClauses>;

// In the order of enum policy_operation.
enum class Operation : std::uint8_t { kExec, kOpen, kConnect, kSend, kBind };
inline constexpr std::size_t kOperations = 5;
std::string_view spelling(Operation operation);

// In the order of enum policy_field.
enum class KernelField : std::uint8_t {
  kExepath,
  kName,
  kPname,
  kAname,
  kUid,
  kCgroup,
  kContainer,
  kAccess,
  kPath,
  kFilename,
  kAddress,
  kPort,
  kProtocol,
};
inline constexpr std::size_t kKernelFields = 13;
std::string_view spelling(KernelField field);

struct ClauseVector {
  ClauseSet plus;
  ClauseSet minus;
  bool operator==(const ClauseVector&) const = default;
};

struct KernelPlan {
  struct Rule {
    std::uint32_t rule = 0;  // index into Program::rules
    bool kill = false;
    bool enforce = false;  // else monitor
    bool operator==(const Rule&) const = default;
  };
  struct Clause {            // its index is its bit
    std::uint32_t rule = 0;  // index into `rules`
    std::uint32_t unit = 0;
    Operation operation = Operation::kExec;
    bool veto = false;
    std::string text;  // its predicates in normal form, for people
    bool operator==(const Clause&) const = default;
  };
  // Paths, names. One that ends in '/' (and is longer than that) stands for everything below. Its index is the number records
  // carry.
  struct Text {
    KernelField field = KernelField::kPath;
    std::string text;
    ClauseVector vector;
    bool operator==(const Text&) const = default;
  };
  // Prefixes of numbers in network order: uid 32 bits, port 16, address 128 (IPv4 as ::ffff:a.b.c.d).
  struct Range {
    KernelField field = KernelField::kUid;
    std::array<std::uint8_t, 16> number{};
    std::uint8_t bits = 0;
    ClauseVector vector;
    bool operator==(const Range&) const = default;
  };
  struct Value {
    KernelField field = KernelField::kAccess;
    std::uint64_t value = 0;
    ClauseVector vector;
    bool operator==(const Value&) const = default;
  };

  std::vector<Rule> rules;  // in definition order
  std::vector<Clause> clauses;
  std::array<ClauseSet, kOperations> operation;
  std::bitset<kKernelFields> fields;  // some clause asks for it
  std::array<ClauseVector, kKernelFields> otherwise;
  std::array<ClauseVector, kKernelFields> absent;
  std::vector<Text> texts;
  std::vector<Range> ranges;
  std::vector<Value> values;

  bool empty() const { return clauses.empty(); }
  bool uses(Operation op) const { return operation[static_cast<std::size_t>(op)].any(); }
  bool operator==(const KernelPlan&) const = default;

  // Rules, clauses, then per field what each value means: bits of `plus`, and of `minus` where that is not all of them.
  std::string dump() const;
};

}  // namespace shrike::program
