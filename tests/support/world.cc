// SPDX-License-Identifier: Apache-2.0
#include "tests/support/world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "engine/lang/rule_file.h"

namespace shrike::test {
namespace {

std::string_view lookup(const std::map<std::uint32_t, std::string>& table, std::uint32_t id) {
  const auto found = table.find(id);
  return found == table.end() ? std::string_view() : std::string_view(found->second);
}

event::Event base_event(const event::Process& process, event::EventType type) {
  event::Event event;
  event.number = 1;
  event.type = type;
  event.time_ns = 1'700'000'000'000'000'001;
  event.boot_ns = process.start_ns + 1'000'000;
  event.pid = event.tid = process.pid;
  event.ppid = process.ppid;
  event.start_ns = process.start_ns;
  event.sid = process.sid;
  event.process = &process;
  return event;
}

event::IpAddress parse_ip(std::string_view text) {
  event::IpAddress ip;
  ip.family = text.find('.') == std::string_view::npos ? 6 : 4;
  EXPECT_EQ(inet_pton(ip.family == 6 ? AF_INET6 : AF_INET, std::string(text).c_str(), ip.bytes.data()), 1) << text;
  return ip;
}

lang::RuleSet read(const std::string& text, lang::Diagnostics& diagnostics) {
  lang::RuleSet set;
  lang::read_rule_file(std::make_shared<const lang::SourceFile>(lang::SourceFile{"test.yaml", text}), set, diagnostics);
  return set;
}

}  // namespace

std::string_view FakeNames::user_name(std::uint32_t uid) const { return lookup(users, uid); }
std::string_view FakeNames::group_name(std::uint32_t gid) const { return lookup(groups, gid); }

const event::Process* FakeProcesses::find(std::uint32_t pid) const {
  const auto found = by_pid.find(pid);
  return found == by_pid.end() ? nullptr : found->second;
}

event::Process& World::process(std::uint32_t pid, std::string comm, std::vector<std::string> argv, const event::Process* parent,
                               std::string exe_path, std::string cwd, event::FileIdentity file) {
  std::string args;
  for (const std::string& argument : argv) (args += argument) += '\0';
  event::Process& made = owned_.emplace_back();
  made.pid = pid;
  made.start_ns = 1'000'000'000ULL * pid;
  made.ppid = parent == nullptr ? 0 : parent->pid;
  made.parent = parent;
  if (parent != nullptr) made.parent_image = parent->image;
  made.sid = pid;
  made.vpid = pid;
  const auto total = static_cast<std::uint32_t>(args.size());
  made.image =
      std::make_shared<const event::Image>(std::move(comm), std::move(exe_path), std::move(args), total, std::move(cwd), file);
  processes.by_pid[pid] = &made;
  return made;
}

event::Process& World::family(const std::vector<std::string>& comms) {
  event::Process* parent = nullptr;
  for (std::size_t i = comms.size(); i-- > 0;) {
    parent = &process(static_cast<std::uint32_t>(100 + comms.size() - i), comms[i], {comms[i]}, parent, "/usr/bin/" + comms[i]);
  }
  return *parent;
}

event::Event World::exec(const event::Process& process) const {
  event::Event event = base_event(process, event::EventType::kExecve);
  event.payload = event::ProcessChange{};
  return event;
}

event::Event World::open(const event::Process& process, std::string_view path, std::uint64_t flags, std::int64_t ret) const {
  event::Event event = base_event(process, event::EventType::kOpenat);
  event::Open open;
  open.ret = ret;
  open.flags = flags;
  open.dirfd = AT_FDCWD;
  open.name = path;
  if (ret >= 0) {
    open.path = path;
    const std::uint64_t access = flags & O_ACCMODE;
    open.readable = access != O_WRONLY;
    open.writable = access != O_RDONLY;
    open.file.mode = S_IFREG | 0644;
    open.file.ino = 7;
  }
  event.payload = open;
  return event;
}

event::Event World::connect(const event::Process& process, std::string_view ip, std::uint16_t port, std::int64_t ret) const {
  event::Event event = base_event(process, event::EventType::kConnect);
  event::SocketCall connect;
  event::Socket& socket = connect.socket;
  connect.ret = ret;
  connect.fd = 5;
  socket.role = event::SocketRole::kClient;
  socket.remote = parse_ip(ip);
  socket.local = parse_ip(socket.remote.family == 4 ? "10.1.1.1" : "fd00::1");
  socket.family = socket.remote.family == 4 ? AF_INET : AF_INET6;
  socket.protocol = IPPROTO_TCP;
  socket.socket_type = SOCK_STREAM;
  socket.local_port = 41000;
  socket.remote_port = port;
  event.payload = connect;
  return event;
}

event::Event World::event(const event::Process& process, event::EventType type, event::Payload payload) const {
  event::Event event = base_event(process, type);
  event.payload = std::move(payload);
  return event;
}

compile::Compiled compile_rules_text(const std::string& text, const compile::Options& options) {
  lang::Diagnostics diagnostics;
  const lang::RuleSet set = read(text, diagnostics);
  compile::Compiled compiled = compile::compile_rules(set, options, diagnostics);
  for (const lang::Diagnostic& found : diagnostics.all())
    EXPECT_NE(found.severity, lang::Severity::kError) << lang::format(found);
  return compiled;
}

program::Program compile_text(const std::string& text, const compile::Options& options) {
  return compile_rules_text(text, options).program;
}

std::string diagnose_text(const std::string& text) {
  lang::Diagnostics diagnostics;
  const lang::RuleSet set = read(text, diagnostics);
  if (!diagnostics.has_errors()) (void)compile::compile(set, {}, diagnostics);
  std::string all;
  for (const lang::Diagnostic& found : diagnostics.all()) all += lang::format(found) + '\n';
  return all;
}

std::string one_rule(const std::string& condition, const std::string& output) {
  std::string indented;
  for (const char c : condition) (indented += c) += c == '\n' ? "    " : "";
  return "- rule: R\n  desc: d\n  condition: >\n    " + indented + "\n  output: \"" + output + "\"\n  priority: WARNING\n";
}

}  // namespace shrike::test
