// SPDX-License-Identifier: Apache-2.0
#include "engine/event/services.h"

#include <algorithm>
#include <iterator>

namespace shrike::event {
namespace {

struct Service {
  std::string_view name;
  std::uint16_t port;
};
constexpr Service kServices[] = {{"ftp", 21},    {"ssh", 22},      {"telnet", 23},  {"smtp", 25},         {"domain", 53},
                                 {"http", 80},   {"kerberos", 88}, {"pop3", 110},   {"ntp", 123},         {"imap", 143},
                                 {"snmp", 161},  {"ldap", 389},    {"https", 443},  {"syslog", 514},      {"ldaps", 636},
                                 {"imaps", 993}, {"pop3s", 995},   {"mysql", 3306}, {"postgresql", 5432}, {"redis", 6379}};

}  // namespace

std::optional<std::uint16_t> service_port(std::string_view name) {
  const auto* found = std::ranges::find(kServices, name, &Service::name);
  if (found == std::end(kServices)) return std::nullopt;
  return found->port;
}

std::string_view service_name(std::uint16_t port) {
  const auto* found = std::ranges::find(kServices, port, &Service::port);
  return found == std::end(kServices) ? std::string_view() : found->name;
}

}  // namespace shrike::event
