// SPDX-License-Identifier: Apache-2.0
// A made-up world for tests: processes, names, events, and rules from text.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/compile/compile.h"
#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/lang/diagnostic.h"

namespace shrike::test {

class FakeNames final : public event::Names {
 public:
  std::map<std::uint32_t, std::string> users{{0, "root"}, {33, "www-data"}, {1000, "bob"}};
  std::map<std::uint32_t, std::string> groups{{0, "root"}, {33, "www-data"}};
  std::string_view user_name(std::uint32_t uid) const override;
  std::string_view group_name(std::uint32_t gid) const override;
};

class FakeProcesses final : public event::Processes {
 public:
  std::map<std::uint32_t, const event::Process*> by_pid;
  const event::Process* find(std::uint32_t pid) const override;
};

// Owns processes and the context; events borrow from it.
class World {
 public:
  FakeNames names;
  FakeProcesses processes;
  event::Context context{names, processes, "testhost", 0};

  // A living process; argv includes argv[0].
  event::Process& process(std::uint32_t pid, std::string comm, std::vector<std::string> argv,
                          const event::Process* parent = nullptr, std::string exe_path = "", std::string cwd = "/",
                          event::FileIdentity file = {});

  // A chain of processes named from the youngest to the oldest; returns the youngest.
  event::Process& family(const std::vector<std::string>& comms);

  event::Event exec(const event::Process& process) const;
  event::Event open(const event::Process& process, std::string_view path, std::uint64_t flags = 0, std::int64_t ret = 3) const;
  event::Event connect(const event::Process& process, std::string_view ip, std::uint16_t port, std::int64_t ret = 0) const;
  // Any call of that type, with what is given and nothing else.
  event::Event event(const event::Process& process, event::EventType type, event::Payload payload) const;

 private:
  std::deque<event::Process> owned_;
};

// Program and kernel plan of a rule file's text; the test fails if it does not compile.
compile::Compiled compile_rules_text(const std::string& text, const compile::Options& options);
// The program alone.
program::Program compile_text(const std::string& text, const compile::Options& options = {.suggested_output = false});

// The diagnostics of a rule file's text, formatted, errors and warnings.
std::string diagnose_text(const std::string& text);

// A file with one rule of that condition: name R, output as given.
std::string one_rule(const std::string& condition, const std::string& output = "x");

}  // namespace shrike::test
