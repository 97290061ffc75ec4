// SPDX-License-Identifier: Apache-2.0
// Resolver keeps the addresses of the hosts that rules name. It asks in a thread of its own, which a server that does not answer
// holds up; the engine goes on with what is known.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/value.h"

namespace shrike::enrich {

class Resolver {
 public:
  using Addresses = std::vector<event::IpAddress>;
  // All addresses of a host; empty: not known (now).
  using Ask = Addresses (*)(const std::string& host);

  // By getaddrinfo, unless a test asks differently.
  explicit Resolver(Ask ask = resolve) : ask_(ask) {}
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Asks for these from now on, at once and then every minute. No names, no thread.
  void set_hosts(std::set<std::string> hosts);
  // Takes over what has been learned since.
  void refresh();
  // The names of hosts that have this address. Until the next refresh.
  std::span<const std::string_view> names_of(const event::IpAddress& address) const;

  static Addresses resolve(const std::string& host);

 private:
  struct Table {
    std::set<std::string> hosts;  // what the names below point into
    std::map<event::IpAddress, std::vector<std::string_view>> names;
  };
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared, Ask ask);

  Ask ask_;
  std::shared_ptr<Shared> shared_;  // with the thread; null before the first names
  std::shared_ptr<const Table> table_;
};

}  // namespace shrike::enrich
