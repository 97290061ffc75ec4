// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/containers.h"

#include <algorithm>
#include <utility>

#include "engine/enrich/container_path.h"

namespace shrike::enrich {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kFirstPauseNs = kMs;
constexpr std::uint64_t kLastPauseNs = 32'000 * kMs;  // between two attempts, at most
constexpr std::uint64_t kKeptNs = 10'000 * kMs;       // after its cgroup is removed
// A cgroup that is no container's after this long will not become one: a runtime writes its state before it starts the program.
constexpr std::uint64_t kUndecidedNs = 10'000 * kMs;
constexpr std::uint64_t kNever = ~std::uint64_t{0};
constexpr int kTriesPerRefresh = 64;

}  // namespace

std::optional<RuntimeCall> parse_runtime_call(const event::Image& image) {
  if (image.args_truncated()) return std::nullopt;
  const auto& arguments = image.arguments();
  RuntimeCall call;
  bool makes = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "create" || argument == "run") {
      makes = true;
    } else if ((argument == "--bundle" || argument == "-b") && i + 1 < arguments.size()) {
      call.bundle = arguments[++i];
    } else if (argument.starts_with("--bundle=")) {
      call.bundle = argument.substr(std::string_view("--bundle=").size());
    }
  }
  if (!makes || arguments.empty() || arguments.back().empty() || arguments.back().starts_with('-')) return std::nullopt;
  call.id = arguments.back();
  if (!call.bundle.starts_with('/')) {  // cwd ends with a slash
    if (image.cwd().empty()) return std::nullopt;
    call.bundle = std::string(image.cwd()) + (call.bundle == "." ? "" : call.bundle);
  }
  while (call.bundle.size() > 1 && call.bundle.ends_with('/')) call.bundle.pop_back();
  return call;
}

void Containers::made(std::uint64_t cgroup, std::string_view path, const event::Process* maker, std::uint32_t uid,
                      std::uint64_t maker_cgroup) {
  if (cgroup == 0 || path.empty()) return;
  // Whoever was of that path before is gone.
  if (const auto old = by_path_.find(std::string(path)); old != by_path_.end()) forget(*old->second);
  // Arguments are the caller's word; root's word is good, as root could write the state files too. Not that of a container's
  // root.
  if (maker != nullptr && uid == 0 && !is_inside(path) && !is_of_container(maker_cgroup)) {
    if (const auto call = parse_runtime_call(*maker->image)) {
      const auto named = parse_container_path(path);
      std::optional<ContainerPlace> place;
      if (named && named->cgroup == path && named->id == call->id) {
        place = ContainerPlace{.cgroup = std::string(path), .id = call->id, .pod_uid = named->pod_uid, .bundle = call->bundle};
      } else if (!named) {
        place = reader_.identify_bundle(call->bundle, call->id, path);
      }
      if (place) {
        try_read(add(*std::move(place), cgroup, path), false);
        return;
      }
    }
  }
  if (Entry* entry = resolve(cgroup, path); entry != nullptr && !entry->container.facts) try_read(*entry, false);
}

// Is it a container's, or below one?
bool Containers::is_of_container(std::uint64_t cgroup) const {
  const auto found = cgroups_.find(cgroup);
  return found != cgroups_.end() && found->second.entry != nullptr;
}

// Does the cgroup lie below that of a container we know?
bool Containers::is_inside(std::string_view path) const {
  for (std::size_t at = path.rfind('/'); at != 0 && at != std::string_view::npos; at = path.rfind('/', at - 1)) {
    if (by_path_.contains(std::string(path.substr(0, at)))) return true;
  }
  return false;
}

void Containers::removed(std::uint64_t cgroup) {
  const auto found = cgroups_.find(cgroup);
  if (found == cgroups_.end()) return;
  Entry* entry = found->second.entry;
  if (entry == nullptr) {
    cgroups_.erase(found);
  } else if (entry->cgroup == cgroup) {
    entry->removed_ns = clock_();
  } else {
    std::erase(entry->cgroups, cgroup);
    cgroups_.erase(found);
  }
}

const event::Container* Containers::find(std::uint64_t cgroup, std::string_view path, std::uint32_t pid, std::uint64_t now_ns) {
  if (cgroup == 0) return nullptr;
  const auto found = cgroups_.find(cgroup);
  Entry* entry = nullptr;
  if (found == cgroups_.end() ||
      (found->second.entry == nullptr && found->second.next_look_ns != kNever && now_ns >= found->second.next_look_ns)) {
    if (path.empty()) return nullptr;
    entry = resolve(cgroup, path);
  } else {
    entry = found->second.entry;
  }
  if (entry == nullptr) return nullptr;
  // Until a runtime's files vouch for it, whoever is in there could show us users of his own making.
  if (entry->container.facts) entry->names.set_process(pid);
  if (!entry->container.facts) [[unlikely]] {
    const bool first = !std::exchange(entry->asked_about, true);
    if (first || now_ns >= entry->next_try_ns) try_read(*entry, !first);
  }
  return &entry->container;
}

bool Containers::look_again(const event::Container& container) {
  if (container.facts) return false;
  const auto found = std::ranges::find_if(by_age_, [&](const Entry* entry) { return &entry->container == &container; });
  if (found != by_age_.end() && try_read(**found, true)) return true;
  ++counters_.alerts_without;
  return false;
}

void Containers::refresh() {
  const std::uint64_t now_ns = clock_();
  int tries = kTriesPerRefresh;
  for (auto at = by_age_.begin(); at != by_age_.end();) {
    Entry& entry = **at++;
    if (entry.removed_ns != 0 && now_ns - entry.removed_ns >= kKeptNs) {
      forget(entry);
    } else if (!entry.container.facts && entry.removed_ns == 0 && now_ns >= entry.next_try_ns && tries > 0) {
      --tries;
      try_read(entry, true);
    }
  }
}

// The container of a cgroup, by its path and by what the runtimes' state says of each cgroup on it, outermost first.
Containers::Entry* Containers::resolve(std::uint64_t cgroup, std::string_view path) {
  const auto named = parse_container_path(path);
  const auto names = components(path);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view above = path.substr(0, static_cast<std::size_t>(names[i].data() + names[i].size() - path.data()));
    const bool is_named = named && named->cgroup == above;
    // Who may make cgroups can nest them deep; no runtime does. What a name says is seen at any depth, files are asked to here.
    if (i >= kDepthMost && !is_named) continue;
    const auto known = by_path_.find(std::string(above));
    if (known != by_path_.end()) {
      Entry& entry = *known->second;
      // Another cgroup of the same path: what we know is of one that is gone.
      const bool other = above == path && entry.cgroup != 0 && entry.cgroup != cgroup;
      if (!other) {
        if (above == path) entry.cgroup = cgroup;
        remember(cgroup, &entry);
        return &entry;
      }
      forget(entry);
    }
    if (is_named)
      return &add({.cgroup = std::string(above), .id = std::string(named->id), .pod_uid = named->pod_uid, .bundle = {}}, cgroup,
                  path);
    if (auto place = reader_.identify(names, i, above)) return &add(*std::move(place), cgroup, path);
  }
  Cgroup& of = remember(cgroup, nullptr);
  of.pause_ns = of.pause_ns == 0 ? kFirstPauseNs : of.pause_ns * 10;
  of.next_look_ns = of.pause_ns > kUndecidedNs ? kNever : clock_() + of.pause_ns;
  return nullptr;
}

Containers::Entry& Containers::add(ContainerPlace place, std::uint64_t cgroup, std::string_view path) {
  if (by_path_.size() >= options_.containers) make_room();
  ++counters_.found;
  auto made = std::make_unique<Entry>();
  Entry& entry = *made;
  entry.container.id = place.id;
  entry.container.names = &entry.names;
  entry.cgroup = place.cgroup == path ? cgroup : 0;
  entry.place = std::move(place);
  entry.by_age = by_age_.insert(by_age_.end(), &entry);
  by_path_[entry.place.cgroup] = std::move(made);
  remember(cgroup, &entry);
  return entry;
}

Containers::Cgroup& Containers::remember(std::uint64_t cgroup, Entry* entry) {
  if (cgroups_.size() >= options_.cgroups && !cgroups_.contains(cgroup)) {
    counters_.evicted_cgroups += cgroups_.size();
    cgroups_.clear();
    for (Entry* one : by_age_) one->cgroups.clear();
  }
  Cgroup& of = cgroups_[cgroup];
  if (entry != nullptr && of.entry != entry) entry->cgroups.push_back(cgroup);
  of.entry = entry;
  return of;
}

bool Containers::try_read(Entry& entry, bool late) {
  ++counters_.attempts;
  auto reading = reader_.read(entry.place);
  if (!reading) {
    entry.pause_ns = std::clamp(2 * entry.pause_ns, kFirstPauseNs, kLastPauseNs);
    entry.next_try_ns = clock_() + entry.pause_ns;
    return false;
  }
  ++counters_.read;
  if (late) ++counters_.late;
  entry.names.look_in(*reading);
  entry.container.facts = std::move(reading->facts);
  return true;
}

void Containers::forget(Entry& entry) {
  for (const std::uint64_t cgroup : entry.cgroups) cgroups_.erase(cgroup);
  by_age_.erase(entry.by_age);
  by_path_.erase(std::string(entry.place.cgroup));
}

// One that is gone, else the oldest.
void Containers::make_room() {
  const auto gone = std::ranges::find_if(by_age_, [](const Entry* entry) { return entry->removed_ns != 0; });
  Entry* victim = gone == by_age_.end() ? by_age_.front() : *gone;
  if (gone == by_age_.end()) ++counters_.evicted;
  forget(*victim);
}

}  // namespace shrike::enrich
