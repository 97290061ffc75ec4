// SPDX-License-Identifier: Apache-2.0
// Details is an alert as encoders see it: what was done, to what, with what effect, how bad, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/act/alert.h"
#include "outputs/encode/encoder.h"

namespace shrike::outputs {

std::string_view product_version();

// How formats spell a priority (formats.md 1.0).
struct Severity {
  std::string_view priority;  // "critical"
  int cef;                    // 0 … 10
  int leef;                   // 1 … 10
  int ocsf_id;
  std::string_view ocsf;
  int ecs;                     // Kibana's risk scale
  int otlp;                    // SeverityNumber
  std::string_view otlp_text;  // SeverityText: what the source calls it
  std::string_view cim;
  std::string_view alertmanager;
};
const Severity& severity(std::uint8_t priority);

enum class Category : std::uint8_t { kProcess, kFile, kNetwork, kKernel, kEngine };
std::string_view spelling(Category category);  // "process", … "engine" for notices

// What became of it, of the verdict.
enum class Effect : std::uint8_t { kNotice, kDetected, kObserved, kBlocked, kKilled };  // kObserved: would_block, would_kill

// A kind of deed, by event type.
struct Deed {
  std::string_view type;  // of the event
  Category category = Category::kProcess;
  std::string_view name;      // "exec", "file-read"
  std::string_view ecs_type;  // event.type
};

struct Tactic {
  std::string_view tag;   // "mitre_execution"
  std::string_view id;    // "TA0002"
  std::string_view name;  // "Execution"
};

// Views into the alert and the host, which must outlive it.
class Details {
 public:
  Details(const act::Alert& alert, const HostFacts& host);

  const act::Alert& alert;
  const Severity& level;
  Deed deed;
  Effect effect = Effect::kNotice;
  std::string_view hostname;
  std::string_view result;  // evt.res: "SUCCESS", "ENOENT"; blocked: "EPERM"; empty: not known

  std::vector<const Tactic*> tactics;        // of the tags, each once
  std::vector<std::string_view> techniques;  // "T1059", "T1059.004"

  // Of a process. The parent has no user here, no container and no further parent.
  struct Process {
    std::optional<std::int64_t> pid;
    std::string entity_id;  // the same in all alerts of the process: boot, pid, start
    std::string_view name, path, command_line;
    std::optional<std::int64_t> start_ns;  // epoch
    bool known() const { return pid || !name.empty() || !path.empty(); }
  };
  Process process, parent;

  // Of the file that was acted on; of an exec the executable is process.path.
  struct File {
    std::string_view path;      // of a rename and a link the new name
    std::string_view old_path;  // of a rename
    std::string_view target;    // of a link
    std::string_view name, directory;
    std::string_view type;  // "file", "directory", …
  };
  File file;

  struct Network {
    std::string_view source, destination;  // addresses, valid ones: client and server
    std::optional<std::int64_t> source_port, destination_port;
    std::string_view transport;   // "tcp"
    std::optional<int> protocol;  // IANA's number of it
    int version = 0;              // 4, 6; 0: not known
    std::optional<bool> outbound;
    bool known() const { return !source.empty() || !destination.empty(); }
  };
  Network network;

  std::string_view container_id, container_name, image, image_tag;  // nothing of the host itself
  std::string_view namespace_name, pod;
  std::string image_name() const;  // with tag
  std::string pod_name() const;    // "prod/web-0"

  bool refused() const { return effect == Effect::kBlocked || effect == Effect::kKilled; }
  std::string_view action() const;   // detected, observed, blocked, killed; empty of notices
  std::string_view outcome() const;  // success, failure, unknown
  std::string joined_techniques() const;
  std::string joined_tags() const;

  // Of facts, else of the output fields. Text: strings alone. Number: whole ones that fit. Id: either as text.
  std::string_view text(std::string_view field) const;
  std::optional<std::int64_t> number(std::string_view field) const;
  std::string id(std::string_view field) const;
  std::optional<bool> flag(std::string_view field) const;
  std::span<const std::string> list(std::string_view field) const;

 private:
  const act::FieldValue* find(std::string_view field) const;
  void read_tags();
  void read_processes(const HostFacts& host);
  void read_file();
  void read_network();
  void read_container();
};

// Output fields under keys that no two share: `spell` makes a key of a field's name.
std::vector<std::pair<std::string, const act::FieldValue*>> unique_fields(const act::Alert& alert,
                                                                          std::string (*spell)(std::string_view name));
// A field's name where dots and the like can't stand: "proc_cmdline".
std::string underscored(std::string_view name);
// A value as text, as in an output; nothing if it is absent.
std::optional<std::string> field_text(const act::FieldValue& value);

}  // namespace shrike::outputs
