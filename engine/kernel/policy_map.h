// SPDX-License-Identifier: Apache-2.0
// PolicyMap writes KernelPlans into the kernel's maps: a new generation beside the one in force, then one store, then the old one
// goes. It also keeps the objects the plan's paths lead to up to date.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bpf/abi/policy.h"
#include "engine/base/result.h"
#include "engine/program/kernel_plan.h"

namespace shrike::kernel {

// What a rule of the plan did since its generation came into force.
struct RuleReport {
  std::uint64_t blocked = 0;
  std::uint64_t killed = 0;
  std::uint64_t would_block = 0;
  std::uint64_t would_kill = 0;
  std::uint64_t outranked = 0;  // enforcing, and hit, but another rule decided
};

// An inode as kernel programs compare it.
struct Identity {
  std::uint64_t ino = 0;
  std::uint32_t dev = 0;  // major << 20 | minor
  std::uint32_t generation = 0;
  auto operator<=>(const Identity&) const = default;
};

class PolicyMap {
 public:
  struct Fds {  // borrowed
    int headers = -1, clauses = -1, counters = -1, index = -1, ranges = -1, objects = -1;
  };
  // Looks up what the kernel knows open files as: identities in the order of `fds`.
  using Identify = std::function<Result<std::vector<Identity>>(const std::vector<int>& fds)>;

  PolicyMap(Fds fds, std::uint32_t* generation, std::uint64_t seed, Identify identify)
      : fds_(fds), generation_(generation), seed_(seed), identify_(std::move(identify)) {}

  // Builds `plan` beside what is in force. Errors: kLimit if a map is full, kSystem; then nothing of it stays.
  Result<void> prepare(const program::KernelPlan& plan);
  // Puts what was prepared in force, and removes the generation before it.
  void commit();
  // Nobody decides any more.
  void disable();

  // Looks again where the plan's paths lead: files that were made, removed, replaced, mounted over. Errors: kSystem; the objects
  // stay as they were.
  Result<void> refresh_objects();

  std::uint32_t generation() const { return current_.generation; }
  // One per rule of the plan in force. Errors: kSystem.
  Result<std::vector<RuleReport>> rule_reports() const { return reports_of(current_); }
  // The final ones of the generation that the last commit() or disable() took out of force. Errors: kSystem.
  const Result<std::vector<RuleReport>>& retired() const { return retired_; }
  // What an operator should know of the plan's paths, found when it was prepared: symbolic links, paths left out.
  using Remarks = std::set<std::string>;
  const Remarks& remarks() const { return remarks_; }

 private:
  struct ObjectKey {
    std::uint16_t field = 0;
    std::uint16_t kind = 0;
    Identity identity;
    std::uint64_t name_hash = 0;
    auto operator<=>(const ObjectKey&) const = default;
  };
  struct Object {
    program::ClauseVector vector;
    std::vector<std::uint32_t> texts;
    bool operator==(const Object&) const = default;
  };
  using Objects = std::map<ObjectKey, Object>;

  struct Generation {
    std::uint32_t generation = 0;
    program::KernelPlan plan;
    std::vector<policy_key> index;
    std::vector<policy_range_key> ranges;
    Objects objects;
  };

  Result<void> write(Generation& next);
  Result<void> write_header(const Generation& next) const;
  Result<void> write_clauses(const Generation& next) const;
  Result<void> add_index(Generation& next, program::KernelField field, std::uint64_t value, const program::ClauseVector& vector,
                         std::uint32_t text) const;
  // A path to look up, and what its object would be a key of.
  enum class Role : std::uint8_t { kNamed, kMount, kAbove };  // by the rule; mounted below that; a directory above that
  struct Wanted {
    std::string path;
    std::uint32_t text = 0;
    std::uint16_t kind = OBJECT_FILE;
    std::uint64_t name_hash = 0;
    Role role = Role::kNamed;
  };
  std::vector<Wanted> wanted_objects(const program::KernelPlan& plan) const;
  Result<std::vector<std::optional<Identity>>> identify(const std::vector<Wanted>& wanted, const program::KernelPlan& plan,
                                                        Remarks& remarks) const;
  Result<Objects> find_objects(const program::KernelPlan& plan, Remarks& remarks) const;
  Result<void> write_objects(Generation& of, const Objects& wanted) const;
  void remove(const Generation& old) const;
  Result<std::vector<RuleReport>> reports_of(const Generation& of) const;
  void retire(const Generation& old);

  Fds fds_;
  std::uint32_t* generation_;  // the programs' global
  std::uint64_t seed_;
  Identify identify_;
  Generation current_;
  Generation next_;
  std::uint32_t last_generation_ = 0;
  Remarks remarks_;
  Result<std::vector<RuleReport>> retired_;
};

}  // namespace shrike::kernel
