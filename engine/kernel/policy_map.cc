// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/policy_map.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "engine/base/handle.h"

namespace shrike::kernel {
namespace {

using program::ClauseSet;
using program::ClauseVector;
using program::KernelField;
using program::KernelPlan;

static_assert(program::kMaxClauses == std::size_t{POLICY_WORDS} * 64 && program::kMaxPlanRules == POLICY_RULES_MAX);
static_assert(program::kOperations == OPERATION_COUNT && program::kKernelFields == FIELD_COUNT);
static_assert(static_cast<int>(KernelField::kProtocol) == FIELD_PROTOCOL && static_cast<int>(KernelField::kAname) == FIELD_ANAME);

constexpr std::uint32_t kNoText = ~0U;

template <class Words>
void store_words(const ClauseSet& set, Words& words) {
  static const ClauseSet kLow(~0ULL);
  for (std::size_t w = 0; w < POLICY_WORDS; ++w) words[w] = ((set >> (64 * w)) & kLow).to_ullong();
}

policy_vector to_wire(const ClauseVector& vector) {
  policy_vector wire{};
  store_words(vector.plus, wire.plus);
  store_words(vector.minus, wire.minus);
  return wire;
}

std::uint64_t hash(std::uint64_t seed, std::string_view text) {
  for (const char c : text) seed = text__hash_step(seed, static_cast<unsigned char>(c));
  return seed;
}

Result<void> update(int fd, const void* key, const void* value, std::uint64_t flags, const char* what) {
  if (bpf_map_update_elem(fd, key, value, flags) == 0) return {};
  if (errno == E2BIG || errno == ENOSPC)
    return fail(Code::kLimit, std::string("the policy has more ") + what + " than its map holds");
  return std::unexpected(system_error(std::string("write the policy's ") + what, errno));
}

// What each field leaves standing if it can't be told: clauses that do not ask for it, and positive ones that do.
ClauseSet unknown(const KernelPlan& plan, KernelField field) {
  const auto f = static_cast<std::size_t>(field);
  const auto whole = [](const ClauseVector& vector) { return vector.plus & vector.minus; };
  ClauseSet always = whole(plan.otherwise[f]) & whole(plan.absent[f]);
  for (const KernelPlan::Text& row : plan.texts) always &= row.field == field ? whole(row.vector) : ~ClauseSet();
  for (const KernelPlan::Range& row : plan.ranges) always &= row.field == field ? whole(row.vector) : ~ClauseSet();
  for (const KernelPlan::Value& row : plan.values) always &= row.field == field ? whole(row.vector) : ~ClauseSet();
  for (std::size_t bit = 0; bit < plan.clauses.size(); ++bit) {
    if (!plan.clauses[bit].veto) always.set(bit);
  }
  return always;
}

bool stands_for_below(std::string_view text) { return text.size() > 1 && text.ends_with('/'); }

bool is_path(KernelField field) { return field == KernelField::kPath || field == KernelField::kExepath; }

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? std::string_view("/") : path.substr(0, slash);
}

// Where mounts lie: mount points of this mount namespace.
std::vector<std::string> mount_points() {
  std::vector<std::string> points;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, point;
    if (!(words >> id >> parent >> device >> root >> point)) continue;
    std::string plain;  // blanks, tabs, newlines and backslashes are written \ooo
    for (std::size_t i = 0; i < point.size(); ++i) {
      if (point[i] == '\\' && i + 3 < point.size()) {
        plain += static_cast<char>(std::stoi(point.substr(i + 1, 3), nullptr, 8));
        i += 3;
      } else {
        plain += point[i];
      }
    }
    points.push_back(std::move(plain));
  }
  return points;
}

// The object a path leads to without following any symbolic link. ELOOP: there is one.
UniqueFd open_object(const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
  if (!fd) return fd;
  struct stat status{};
  if (fstat(fd.get(), &status) == 0 && S_ISLNK(status.st_mode)) {
    errno = ELOOP;
    return UniqueFd();
  }
  return fd;
}

}  // namespace

Result<void> PolicyMap::prepare(const KernelPlan& plan) {
  remove(next_);  // of an attempt that was given up
  next_ = {};
  // 0 stands for none; and a header must not be written over the one in force, however many attempts have failed since.
  do {
    ++last_generation_;
  } while (last_generation_ == 0 ||
           (current_.generation != 0 && last_generation_ % POLICY_SLOTS == current_.generation % POLICY_SLOTS));
  next_.generation = last_generation_;
  next_.plan = plan;
  remarks_.clear();
  if (auto written = write(next_); !written) {
    remove(next_);
    next_ = {};
    return written;
  }
  return {};
}

Result<void> PolicyMap::write(Generation& next) {
  const KernelPlan& plan = next.plan;
  TRY(write_header(next));
  TRY(write_clauses(next));
  for (std::size_t row = 0; row < plan.texts.size(); ++row) {
    const KernelPlan::Text& text = plan.texts[row];
    TRY(add_index(next, text.field, hash(seed_, text.text), text.vector, static_cast<std::uint32_t>(row)));
  }
  for (const KernelPlan::Value& value : plan.values) TRY(add_index(next, value.field, value.value, value.vector, kNoText));
  for (const KernelPlan::Range& range : plan.ranges) {
    policy_range_key key{};
    key.prefix_bits = 64U + range.bits;
    key.generation = next.generation;
    key.field = static_cast<std::uint32_t>(range.field);
    std::ranges::copy(range.number, key.number);
    const policy_vector vector = to_wire(range.vector);
    TRY(update(fds_.ranges, &key, &vector, BPF_NOEXIST, "numbers"));
    next.ranges.push_back(key);
  }
  return write_objects(next, TRY(find_objects(plan, remarks_)));
}

Result<void> PolicyMap::write_header(const Generation& next) const {
  const KernelPlan& plan = next.plan;
  policy_header header{};
  header.generation = next.generation;
  header.words = static_cast<std::uint32_t>((plan.clauses.size() + 63) / 64);
  header.fields = static_cast<std::uint32_t>(plan.fields.to_ulong());
  ClauseSet enforcing;
  for (std::size_t bit = 0; bit < plan.clauses.size(); ++bit)
    enforcing[bit] = !plan.clauses[bit].veto && plan.rules[plan.clauses[bit].rule].enforce;
  store_words(enforcing, header.enforcing);
  for (std::size_t o = 0; o < program::kOperations; ++o) {
    store_words(plan.operation[o], header.operation[o]);
    if (plan.operation[o].any()) header.operations |= 1U << o;
  }
  for (std::size_t f = 0; f < program::kKernelFields; ++f) {
    header.otherwise[f] = to_wire(plan.otherwise[f]);
    header.absent[f] = to_wire(plan.absent[f]);
    store_words(unknown(plan, static_cast<KernelField>(f)), header.unknown[f]);
  }
  for (const KernelPlan::Text& text : plan.texts) {
    if (is_path(text.field)) header.objects |= 1U << static_cast<unsigned>(text.field);
  }
  const std::uint32_t slot = next.generation % POLICY_SLOTS;
  return update(fds_.headers, &slot, &header, BPF_ANY, "header");
}

Result<void> PolicyMap::write_clauses(const Generation& next) const {
  const KernelPlan& plan = next.plan;
  const std::uint32_t slot = next.generation % POLICY_SLOTS;
  for (std::uint32_t bit = 0; bit < plan.clauses.size(); ++bit) {
    const KernelPlan::Clause& clause = plan.clauses[bit];
    const KernelPlan::Rule& rule = plan.rules[clause.rule];
    policy_clause wire{};
    wire.rule = clause.rule;
    wire.unit = clause.unit;
    if (clause.veto) wire.flags |= CLAUSE_VETO;
    if (rule.enforce) wire.flags |= CLAUSE_ENFORCE;
    if (rule.kill) wire.flags |= CLAUSE_KILL;
    const std::uint32_t at = slot * POLICY_WORDS * 64 + bit;
    TRY(update(fds_.clauses, &at, &wire, BPF_ANY, "clauses"));
  }
  for (std::uint32_t rule = 0; rule < plan.rules.size(); ++rule) {
    const policy_rule_counters zero{};
    const std::uint32_t at = slot * POLICY_RULES_MAX + rule;
    TRY(update(fds_.counters, &at, &zero, BPF_ANY, "counters"));
  }
  return {};
}

Result<void> PolicyMap::add_index(Generation& next, KernelField field, std::uint64_t value, const ClauseVector& vector,
                                  std::uint32_t text) const {
  const policy_key key{next.generation, static_cast<std::uint32_t>(field), value};
  policy_entry entry{};
  entry.vector = to_wire(vector);
  entry.text = text;
  // Two texts with one hash: the seed is random, so loading again helps.
  if (bpf_map_update_elem(fds_.index, &key, &entry, BPF_NOEXIST) != 0) {
    if (errno == EEXIST) return fail(Code::kInvalid, "two texts of the policy have the same hash: load again");
    if (errno == E2BIG) return fail(Code::kLimit, "the policy has more texts than its map holds");
    return std::unexpected(system_error("write the policy's index", errno));
  }
  next.index.push_back(key);
  return {};
}

std::vector<PolicyMap::Wanted> PolicyMap::wanted_objects(const KernelPlan& plan) const {
  std::vector<Wanted> wanted;
  const std::vector<std::string> mounts = mount_points();
  for (std::uint32_t row = 0; row < plan.texts.size(); ++row) {
    const KernelPlan::Text& text = plan.texts[row];
    if (!is_path(text.field) || !text.text.starts_with('/')) continue;
    if (!stands_for_below(text.text)) {
      const std::string_view name = std::string_view(text.text).substr(text.text.rfind('/') + 1);
      wanted.push_back({.path = text.text, .text = row});
      wanted.push_back(
          {.path = std::string(parent_of(text.text)), .text = row, .kind = OBJECT_ENTRY, .name_hash = hash(seed_, name)});
      continue;
    }
    const std::string directory = text.text.substr(0, text.text.size() - 1);
    wanted.push_back({.path = directory, .text = row, .kind = OBJECT_BELOW});
    const std::size_t before = wanted.size();
    for (const std::string& point : mounts) {
      if (point.size() >= text.text.size() && point.starts_with(text.text))
        wanted.push_back({.path = point, .text = row, .kind = OBJECT_BELOW, .role = Role::kMount});
    }
    if (wanted.size() == before) continue;
    for (std::string_view above = directory; above != "/";) {
      above = parent_of(above);
      wanted.push_back({.path = std::string(above), .text = row, .role = Role::kAbove});
    }
  }
  return wanted;
}

// Nothing where a path leads nowhere (yet), or through a symbolic link.
Result<std::vector<std::optional<Identity>>> PolicyMap::identify(const std::vector<Wanted>& wanted, const KernelPlan& plan,
                                                                 Remarks& remarks) const {
  static constexpr std::size_t kBatch = 256;  // descriptors open at once
  std::vector<std::optional<Identity>> identities(wanted.size());
  for (std::size_t begin = 0; begin < wanted.size(); begin += kBatch) {
    std::vector<UniqueFd> kept;
    std::vector<int> fds;
    std::vector<std::size_t> places;
    for (std::size_t i = begin; i < std::min(begin + kBatch, wanted.size()); ++i) {
      UniqueFd fd = open_object(wanted[i].path);
      if (!fd) {
        if (errno == ELOOP)
          remarks.insert(plan.texts[wanted[i].text].text +
                         ": leads through a symbolic link; rules see the kernel's path, behind it: write that");
        continue;
      }
      fds.push_back(fd.get());
      places.push_back(i);
      kept.push_back(std::move(fd));
    }
    if (fds.empty()) continue;
    const std::vector<Identity> found = TRY(identify_(fds));
    for (std::size_t i = 0; i < found.size(); ++i) identities[places[i]] = found[i];
  }
  return identities;
}

Result<PolicyMap::Objects> PolicyMap::find_objects(const KernelPlan& plan, Remarks& remarks) const {
  const std::vector<Wanted> wanted = wanted_objects(plan);
  const auto identities = TRY(identify(wanted, plan, remarks));
  std::set<std::pair<std::uint32_t, Identity>> above;  // of each text
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (identities[i] && wanted[i].role == Role::kAbove) above.emplace(wanted[i].text, *identities[i]);
  }
  Objects objects;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!identities[i] || wanted[i].role == Role::kAbove) continue;
    const KernelPlan::Text& text = plan.texts[wanted[i].text];
    // The whole root bound somewhere below a directory would make everything there is lie below it.
    if (wanted[i].role == Role::kMount && above.contains({wanted[i].text, *identities[i]})) {
      remarks.insert(text.text + ": the mount at " + wanted[i].path +
                     " shows a directory above it; files are not known by that name");
      continue;
    }
    Object& object = objects[{static_cast<std::uint16_t>(text.field), wanted[i].kind, *identities[i], wanted[i].name_hash}];
    if (object.texts.empty()) {
      object.vector = text.vector;
    } else {
      object.vector.plus |= text.vector.plus;
      object.vector.minus &= text.vector.minus;
    }
    if (std::ranges::find(object.texts, wanted[i].text) == object.texts.end()) object.texts.push_back(wanted[i].text);
    if (object.texts.size() > POLICY_OBJECT_TEXTS)
      remarks.insert(plan.texts[object.texts.front()].text +
                     ": more than four paths of rules lead to this object; alerts name four");
  }
  return objects;
}

Result<void> PolicyMap::write_objects(Generation& of, const Objects& wanted) const {
  const auto to_key = [&](const ObjectKey& key) {
    return policy_object_key{of.generation,           key.field,    key.kind, key.identity.ino, key.identity.dev,
                             key.identity.generation, key.name_hash};
  };
  for (const auto& [key, object] : wanted) {
    const auto known = of.objects.find(key);
    if (known != of.objects.end() && known->second == object) continue;
    policy_object wire{};
    wire.vector = to_wire(object.vector);
    for (std::size_t i = 0; i < POLICY_OBJECT_TEXTS; ++i) wire.texts[i] = i < object.texts.size() ? object.texts[i] : kNoText;
    const policy_object_key at = to_key(key);
    TRY(update(fds_.objects, &at, &wire, BPF_ANY, "objects"));
    of.objects[key] = object;
  }
  for (auto at = of.objects.begin(); at != of.objects.end();) {
    if (wanted.contains(at->first)) {
      ++at;
      continue;
    }
    const policy_object_key key = to_key(at->first);
    bpf_map_delete_elem(fds_.objects, &key);
    at = of.objects.erase(at);
  }
  return {};
}

Result<void> PolicyMap::refresh_objects() {
  if (current_.generation == 0) return {};
  Remarks seen_before;
  return write_objects(current_, TRY(find_objects(current_.plan, seen_before)));
}

void PolicyMap::commit() {
  std::atomic_ref(*generation_).store(next_.generation, std::memory_order_seq_cst);
  retire(std::exchange(current_, std::exchange(next_, {})));
}

void PolicyMap::disable() {
  std::atomic_ref(*generation_).store(0, std::memory_order_seq_cst);
  retire(std::exchange(current_, {}));
}

void PolicyMap::retire(const Generation& old) {
  retired_ = std::vector<RuleReport>();
  if (old.generation == 0) return;
  // Until this returns, a program may be at work that began under the old generation.
  // With one CPU online it returns at once, and nohz_full hosts have none.
  if (sysconf(_SC_NPROCESSORS_ONLN) == 1 || syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) usleep(100'000);
  remove(old);
  retired_ = reports_of(old);
}

void PolicyMap::remove(const Generation& old) const {
  for (const policy_key& key : old.index) bpf_map_delete_elem(fds_.index, &key);
  for (const policy_range_key& key : old.ranges) bpf_map_delete_elem(fds_.ranges, &key);
  for (const auto& [key, object] : old.objects) {
    const policy_object_key at{old.generation,          key.field,    key.kind, key.identity.ino, key.identity.dev,
                               key.identity.generation, key.name_hash};
    bpf_map_delete_elem(fds_.objects, &at);
  }
}

Result<std::vector<RuleReport>> PolicyMap::reports_of(const Generation& of) const {
  std::vector<RuleReport> reports;
  for (std::uint32_t rule = 0; rule < of.plan.rules.size(); ++rule) {
    const std::uint32_t at = of.generation % POLICY_SLOTS * POLICY_RULES_MAX + rule;
    policy_rule_counters counters{};
    if (bpf_map_lookup_elem(fds_.counters, &at, &counters) != 0)
      return std::unexpected(system_error("read the rules' counters", errno));
    reports.push_back({counters.blocked, counters.killed, counters.would_block, counters.would_kill, counters.outranked});
  }
  return reports;
}

}  // namespace shrike::kernel
