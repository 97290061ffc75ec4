// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/resolver.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <thread>
#include <utility>

namespace shrike::enrich {
namespace {

constexpr std::chrono::seconds kAgain{60};

struct FreeAddresses {
  void operator()(addrinfo* all) const { freeaddrinfo(all); }
};

}  // namespace

struct Resolver::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> hosts;
  std::uint64_t asked = 0;  // how often set_hosts was called
  bool end = false;
  std::shared_ptr<const Table> learned;
};

Resolver::Addresses Resolver::resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // each address once
  addrinfo* first = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &first) != 0) return {};
  const std::unique_ptr<addrinfo, FreeAddresses> owner(first);
  Addresses found;
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
    event::IpAddress address;
    if (one->ai_family == AF_INET) {
      address.family = 4;
      std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in*>(one->ai_addr)->sin_addr, sizeof(in_addr));
    } else if (one->ai_family == AF_INET6) {
      address.family = 6;
      std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(one->ai_addr)->sin6_addr, sizeof(in6_addr));
    } else {
      continue;
    }
    found.push_back(event::canonical(address));
  }
  return found;
}

// Not joined: it may be waiting for an answer, and holds what it uses.
Resolver::~Resolver() {
  if (shared_ == nullptr) return;
  const std::scoped_lock lock(shared_->mutex);
  shared_->end = true;
  shared_->changed.notify_all();
}

void Resolver::set_hosts(std::set<std::string> hosts) {
  if (shared_ == nullptr) {
    if (hosts.empty()) return;
    shared_ = std::make_shared<Shared>();
    shared_->hosts = std::move(hosts);
    std::thread([shared = shared_, ask = ask_] { run(shared, ask); }).detach();
    return;
  }
  const std::scoped_lock lock(shared_->mutex);
  shared_->hosts = std::move(hosts);
  ++shared_->asked;
  shared_->changed.notify_all();
}

// What is learned is shown host by host, beside what was known before.
void Resolver::run(const std::shared_ptr<Shared>& shared, Ask ask) {
  std::map<std::string, Addresses> known;
  std::unique_lock lock(shared->mutex);
  while (!shared->end) {
    const std::uint64_t asked = shared->asked;
    const auto given_up = [&] { return shared->end || shared->asked != asked; };
    const std::set<std::string> hosts = shared->hosts;
    std::erase_if(known, [&](const auto& one) { return !hosts.contains(one.first); });
    for (const std::string& host : hosts) {
      lock.unlock();
      Addresses addresses = ask(host);
      lock.lock();
      if (given_up()) break;
      if (addresses.empty() || std::exchange(known[host], addresses) == addresses) continue;  // no answer is no news
      auto table = std::make_shared<Table>();
      for (const auto& [name, all] : known) {
        const std::string_view kept = *table->hosts.insert(name).first;
        for (const event::IpAddress& address : all) table->names[address].push_back(kept);
      }
      shared->learned = std::move(table);
    }
    shared->changed.wait_for(lock, kAgain, given_up);
  }
}

void Resolver::refresh() {
  if (shared_ == nullptr) return;
  const std::scoped_lock lock(shared_->mutex);
  table_ = shared_->learned;
}

std::span<const std::string_view> Resolver::names_of(const event::IpAddress& address) const {
  if (table_ == nullptr) return {};
  const auto found = table_->names.find(address);
  return found == table_->names.end() ? std::span<const std::string_view>() : found->second;
}

}  // namespace shrike::enrich
